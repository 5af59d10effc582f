//! `rotating:` keeps the contract, with segments so small that nearly every batch begins one.

use papyra::{Durability, FileConfig, FileLog, Rotation};

papyra::conformance!(|dir| {
    let rotation = Rotation::default().with_segment_bytes(2 << 10).with_segment_records(7);
    FileLog::new(FileConfig::rotating(dir.join("log")).with_rotation(rotation).with_durability(Durability::Buffered))
});
