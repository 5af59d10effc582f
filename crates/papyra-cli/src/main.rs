//! The program `papyra`.

use std::process::ExitCode;

fn main() -> ExitCode {
    papyra_cli::main_with(papyra::Schemes::new())
}
