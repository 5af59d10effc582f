//! What tools show of a log: facts and sums as JSON, each form with a published name. Whoever prints it, it is the same.
//!
//! The command line and the HTTP service both build their JSON here. A report names its schema, such as `papyra.scan/1`, says
//! whether all is well (`ok`), and how a command ends that comes to it (`exit`); a fact is the stored object without its checksum,
//! with its position. Text that others wrote into a log stays text: nothing of it steers a terminal ([`safe`]).

mod entry;
mod figures;
mod filter;
mod glob;
mod groups;
mod life;
mod report;
pub mod safe;
mod storms;
mod summary;
mod unread;

pub use entry::entry;
pub use figures::Figures;
pub use filter::Filter;
pub use glob::{ActorGlob, Glob};
pub use groups::{ConsumerFigures, GroupFigures, Groups};
pub use life::Life;
pub use report::report;
pub use storms::StormFigures;
pub use summary::{AuditFigures, Summary};
pub use unread::Unread;
