//! How entries are printed, one after another.

use papyra::{Entry, Kind, document, units::When};

use super::{table, text};
use crate::{args::Output, console::Out, failure::Failure};

/// The printer of one listing.
pub(crate) struct Form {
    kind: Kind,
    when: When,
    shape: Shape,
    printed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    Table,
    Json,
    Ndjson,
}

impl Form {
    pub(crate) fn new(kind: Kind, when: When, output: Option<Output>, out: &Out) -> Self {
        let shape = match output {
            Some(Output::Table) => Shape::Table,
            Some(Output::Json) => Shape::Json,
            Some(Output::Ndjson) => Shape::Ndjson,
            None if out.is_terminal() => Shape::Table,
            None => Shape::Text,
        };
        Form { kind, when, shape, printed: 0 }
    }

    pub(crate) fn print(&mut self, entry: &Entry, out: &mut Out) -> Result<(), Failure> {
        let first = self.printed == 0;
        self.printed += 1;
        match self.shape {
            Shape::Text => out.line(&text::line(&entry.fact)),
            Shape::Table => {
                if first {
                    out.headline(&table::header(self.kind))?;
                }
                out.line(&table::row(entry, &self.when))
            }
            Shape::Json => {
                out.raw(if first { "[\n" } else { ",\n" })?;
                out.raw(&document::entry(entry))
            }
            Shape::Ndjson => out.line(&document::entry(entry)),
        }
    }

    /// Ends the listing; nothing was found is said in words where people read.
    pub(crate) fn end(self, out: &mut Out) -> Result<(), Failure> {
        match (self.shape, self.printed) {
            (Shape::Json, 0) => out.line("[]"),
            (Shape::Json, _) => out.raw("\n]\n"),
            (Shape::Text | Shape::Table, 0) => out.line(match self.kind {
                Kind::Audit => "No audit reports recorded.",
                Kind::DeadLetter => "No dead letters recorded.",
                _ => "No events recorded.",
            }),
            _ => Ok(()),
        }
    }
}
