//! What the environment says.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::{
    Origin, Sources,
    names::{self, OTHER_VARIABLES},
    setting::Said,
};
use crate::nearest::nearest;

/// The settings in `PAPYRA_…` variables, and a warning for each that nobody knows.
pub(super) fn settings(sources: &Sources) -> (Vec<Said>, Vec<String>) {
    let (mut said, mut warnings) = (Vec::new(), Vec::new());
    let variables: Vec<(String, &'static str)> = names::all().map(|name| (names::variable(name), name)).collect();
    for (variable, value) in &sources.env {
        let Some(variable) = variable.to_str().filter(|name| name.starts_with("PAPYRA_")) else { continue };
        if value.is_empty() {
            continue;
        }
        if let Some((_, name)) = variables.iter().find(|(known, _)| known == variable) {
            said.push(Said { name, value: value.clone(), origin: Origin::Env(variable.to_owned()) });
            continue;
        }
        let others = || OTHER_VARIABLES.into_iter().chain(sources.known_variables.iter().map(String::as_str));
        if is_of_kubernetes(variable) || others().any(|known| known == variable) {
            continue;
        }
        let meant = match nearest(variable, variables.iter().map(|(known, _)| known.as_str()).chain(others())) {
            Some(known) => format!(", did you mean {known}?"),
            None => String::new(),
        };
        let shown: String = variable.chars().filter(|c| !c.is_control()).take(80).collect();
        warnings.push(format!("the variable {shown} is unknown and does nothing{meant}"));
    }
    (said, warnings)
}

/// What Kubernetes puts into every container beside a Service that is named `papyra`.
fn is_of_kubernetes(variable: &str) -> bool {
    variable == "PAPYRA_PORT" || variable.starts_with("PAPYRA_PORT_") || variable.starts_with("PAPYRA_SERVICE_")
}

/// The file that the environment names.
pub(super) fn config_file(sources: &Sources) -> Option<PathBuf> {
    get(sources, "PAPYRA_CONFIG").map(PathBuf::from)
}

/// Where the user's own file would be. A relative `XDG_CONFIG_HOME` is invalid by its own standard and does not count.
pub(super) fn user_file(sources: &Sources) -> Option<PathBuf> {
    let home = || get(sources, "HOME").map(|home| Path::new(home).join(".config"));
    let xdg = get(sources, "XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    xdg.or_else(home).map(|base| base.join("papyra/papyra.toml"))
}

fn get<'a>(sources: &'a Sources, name: &str) -> Option<&'a OsString> {
    let found = sources.env.iter().rfind(|(known, _)| known == OsStr::new(name));
    found.map(|(_, value)| value).filter(|value| !value.is_empty())
}
