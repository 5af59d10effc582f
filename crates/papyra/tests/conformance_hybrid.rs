//! The contract, kept by a log whose kinds live in two files: in each part for itself.

use papyra::{
    Kind,
    backend::{
        file::{FileConfig, FileLog},
        hybrid::Hybrid,
        memory::Memory,
    },
};

fn file(path: std::path::PathBuf) -> FileLog {
    FileLog::new(FileConfig::new(path))
}

papyra::conformance!(|dir| {
    Hybrid::new(file(dir.join("rest.ndjson"))).with_kinds([Kind::Event], file(dir.join("events.ndjson")))
});

/// Parts of different technologies.
mod mixed {
    papyra::conformance!(|dir| {
        super::Hybrid::new(super::file(dir.join("events.ndjson")))
            .with_kinds([papyra::Kind::Audit, papyra::Kind::DeadLetter], super::Memory::new())
    });
}

/// A directory of segments and a file.
mod rotating {
    papyra::conformance!(|dir| {
        let rotation = papyra::Rotation::default().with_segment_records(5);
        let segments = super::FileConfig::rotating(dir.join("events")).with_rotation(rotation);
        let events = super::FileLog::new(segments.with_durability(papyra::Durability::Buffered));
        super::Hybrid::new(super::file(dir.join("rest.ndjson"))).with_kinds([papyra::Kind::Event], events)
    });
}
