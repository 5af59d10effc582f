//! A source file as tokens: comments are gone, a string is one token, and what is compiled for tests only is cut out.

use std::{fs, path::Path, str::FromStr};

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// One token of the code that ships.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    /// How many `mod name { … }` of the same file stand around it: `super` leaves these first.
    pub(crate) inline: usize,
}

/// One source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the crate's `src` on, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Without comments and tests.
    pub(crate) tokens: Vec<Token>,
    /// Lines that are compiled for tests only.
    pub(crate) test_lines: usize,
    /// Modules that are declared for tests only (`#[cfg(test)] mod tests;`).
    pub(crate) test_modules: Vec<String>,
}

impl Source {
    /// Reads text that stands in a file of this name.
    pub(crate) fn parse(path: &str, text: &str) -> Source {
        let stream = TokenStream::from_str(text).unwrap_or_else(|error| panic!("{path} is not Rust: {error}"));
        let mut source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
            tokens: Vec::new(),
            test_lines: 0,
            test_modules: Vec::new(),
        };
        source.flatten(stream, 0);
        source
    }

    /// All files below a `src` directory, but not those that are tests as a whole.
    pub(crate) fn tree(src: &Path) -> Vec<Source> {
        let mut files = Vec::new();
        walk(src, "", &mut files);
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::parse(path, text)).collect();
        let tests: Vec<Vec<String>> = sources
            .iter()
            .flat_map(|source| source.test_modules.iter().map(|name| [source.module(), vec![name.clone()]].concat()))
            .collect();
        sources.into_iter().filter(|source| !tests.iter().any(|test| source.module().starts_with(test))).collect()
    }

    /// The module that the file is; empty for the crate's root.
    pub(crate) fn module(&self) -> Vec<String> {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        if matches!(stem, "lib" | "main") { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
    }

    fn flatten(&mut self, stream: TokenStream, inline: usize) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            if is_test_attribute(&trees[at..]) {
                at = self.skip_item(&trees, at);
                continue;
            }
            match &trees[at] {
                TokenTree::Group(group) => {
                    let named_module = at >= 2
                        && group.delimiter() == Delimiter::Brace
                        && matches!(&trees[at - 2], TokenTree::Ident(word) if word == "mod");
                    self.group(group, inline, inline + usize::from(named_module));
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint => {
                    self.push("::", punct.span().start().line, inline);
                    // The second colon is part of it.
                    at += 1;
                }
                tree => self.push(&tree.to_string(), tree.span().start().line, inline),
            }
            at += 1;
        }
    }

    fn group(&mut self, group: &Group, around: usize, within: usize) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        self.push(open, group.span_open().start().line, around);
        self.flatten(group.stream(), within);
        self.push(close, group.span_close().start().line, around);
    }

    fn push(&mut self, text: &str, line: usize, inline: usize) {
        self.tokens.push(Token { text: text.to_owned(), line, inline });
    }

    /// Passes over the item behind an attribute; gives the place of the next.
    fn skip_item(&mut self, trees: &[TokenTree], start: usize) -> usize {
        let is_end = |tree: &TokenTree| match tree {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        let end = trees[start..].iter().position(is_end).map_or(trees.len() - 1, |length| start + length);
        if let [.., TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Punct(_)] = &trees[start..=end]
            && word == "mod"
        {
            self.test_modules.push(name.to_string());
        }
        self.test_lines += trees[end].span().end().line - trees[start].span().start().line + 1;
        end + 1
    }
}

/// `#[test]` or `#[cfg(test)]`.
fn is_test_attribute(trees: &[TokenTree]) -> bool {
    let [TokenTree::Punct(hash), TokenTree::Group(group), ..] = trees else { return false };
    let words = group.stream().to_string().replace(' ', "");
    hash.as_char() == '#' && matches!(words.as_str(), "test" | "cfg(test)" | "cfg(doctest)")
}

fn walk(directory: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let (path, name) = (directory.join(&name), name.to_string_lossy().into_owned());
        if path.is_dir() {
            walk(&path, &format!("{prefix}{name}/"), files);
        } else if name.ends_with(".rs") {
            files.push((format!("{prefix}{name}"), fs::read_to_string(path).unwrap()));
        }
    }
}
