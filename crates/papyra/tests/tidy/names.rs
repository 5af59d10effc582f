//! Which module a path leads to, through every `use` on the way: `crate::Error` leads to `error`.

use std::collections::{HashMap, HashSet};

use crate::source::{Source, Token};

pub(crate) type Path = Vec<String>;

/// A path that stands in a source file, from the crate's root on.
#[derive(Debug)]
pub(crate) struct Mention {
    pub(crate) path: Path,
    pub(crate) line: usize,
}

/// The modules of a crate and the names that their `use` lines bring in.
pub(crate) struct Names {
    modules: HashSet<Path>,
    brought: HashMap<(Path, String), Path>,
}

impl Names {
    pub(crate) fn of(sources: &[Source]) -> Names {
        let modules = sources.iter().map(Source::module).collect();
        let mut names = Names { modules, brought: HashMap::new() };
        for source in sources {
            let module = source.module();
            for name in exported_macros(&source.tokens) {
                names.brought.insert((Path::new(), name.clone()), [module.clone(), vec![name]].concat());
            }
            for (place, tree) in use_trees(&source.tokens) {
                for (path, name) in tree {
                    let absolute = names.absolute(&module, &path, source.tokens[place].inline);
                    if let (Some(absolute), 0) = (absolute, source.tokens[place].inline) {
                        names.brought.insert((module.clone(), name), absolute);
                    }
                }
            }
        }
        names
    }

    /// Every path of a file that leads into its own crate, in `use` lines and everywhere else.
    pub(crate) fn mentions(&self, source: &Source) -> Vec<Mention> {
        let (module, tokens) = (source.module(), &source.tokens);
        let mut mentions = Vec::new();
        for (place, tree) in use_trees(tokens) {
            for (path, _) in tree {
                let absolute = self.absolute(&module, &path, tokens[place].inline);
                mentions.extend(absolute.map(|path| Mention { path, line: tokens[place].line }));
            }
        }
        for at in 0..tokens.len() {
            // The middle of a path is no beginning, and a `use` line was read as a tree.
            let begins = tokens.get(at + 1).is_some_and(|next| next.text == "::")
                && (at == 0 || !matches!(tokens[at - 1].text.as_str(), "::" | "use" | "."));
            if begins {
                let path: Path = tokens[at..].iter().step_by(2).map(|token| token.text.clone()).collect();
                let joints = tokens[at + 1..].iter().step_by(2).take_while(|token| token.text == "::").count();
                let absolute = self.absolute(&module, &path[..=joints.min(path.len() - 1)], tokens[at].inline);
                mentions.extend(absolute.map(|path| Mention { path, line: tokens[at].line }));
            }
        }
        mentions
    }

    /// The module in which the path's item is defined.
    pub(crate) fn home(&self, path: &[String]) -> Path {
        let (mut module, mut rest) = (Path::new(), path.to_vec());
        // Two names that bring in each other would lead in circles.
        for _ in 0..64 {
            let Some(next) = rest.first().cloned() else { break };
            let child = [module.clone(), vec![next.clone()]].concat();
            if self.modules.contains(&child) {
                module = child;
                rest.remove(0);
            } else if let Some(target) = self.brought.get(&(module.clone(), next)) {
                rest = [target.as_slice(), &rest[1..]].concat();
                module.clear();
            } else {
                break;
            }
        }
        module
    }

    /// The path from the crate's root on; `None` if it leads to another crate.
    fn absolute(&self, module: &[String], path: &[String], inline: usize) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let ups = path.iter().take_while(|word| *word == "super").count();
                let leaves = ups.saturating_sub(inline);
                Some([&module[..module.len().saturating_sub(leaves)], &path[ups..]].concat())
            }
            _ => {
                let below = [module, path].concat();
                self.modules.contains(&below[..=module.len()]).then_some(below)
            }
        }
    }
}

/// Macros that the language puts into the crate's root, wherever they are written.
fn exported_macros(tokens: &[Token]) -> Vec<String> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let exports = (0..tokens.len()).filter(|at| text(*at) == "macro_export");
    exports
        .filter_map(|at| (at..at + 40).find(|at| text(*at) == "macro_rules"))
        .map(|at| text(at + 2).to_owned())
        .collect()
}

/// Each `use` of a file: where it stands, and every path in it with the name that it brings in.
fn use_trees(tokens: &[Token]) -> Vec<(usize, Vec<(Path, String)>)> {
    // `use<'a>` in a return type is no import.
    let is_use = |at: usize| tokens[at].text == "use" && tokens.get(at + 1).is_some_and(|next| next.text != "<");
    let mut trees = Vec::new();
    for place in (0..tokens.len()).filter(|at| is_use(*at)) {
        let mut tree = Vec::new();
        use_tree(tokens, &mut (place + 1), &[], &mut tree);
        trees.push((place, tree));
    }
    trees
}

fn use_tree(tokens: &[Token], at: &mut usize, prefix: &[String], out: &mut Vec<(Path, String)>) {
    let mut path = prefix.to_vec();
    let word = |at: usize| tokens.get(at).map_or(";", |token| token.text.as_str());
    loop {
        match word(*at) {
            "{" => {
                while !matches!(word(*at), "}" | ";") {
                    *at += 1;
                    if !matches!(word(*at), "}" | ",") {
                        use_tree(tokens, at, &path, out);
                    }
                }
                *at += 1;
                return;
            }
            "::" => *at += 1,
            "self" if !path.is_empty() => *at += 1,
            "as" => {
                out.push((path, word(*at + 1).to_owned()));
                *at += 2;
                return;
            }
            "," | "}" | ";" => {
                let name = path.last().cloned().unwrap_or_default();
                out.push((path, name));
                return;
            }
            // Everything in it: that leads to the module itself.
            "*" => *at += 1,
            other => {
                path.push(other.to_owned());
                *at += 1;
            }
        }
    }
}
