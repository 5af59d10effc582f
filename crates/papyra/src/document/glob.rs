//! Patterns for names: `*` is any run of characters, `?` is one; everything else is itself.

use crate::ActorAddress;

/// A pattern for names.
#[derive(Clone, Debug)]
pub struct Glob(Vec<char>);

impl Glob {
    /// Reads a pattern; there is none that is wrong.
    pub fn new(pattern: &str) -> Self {
        Glob(pattern.chars().collect())
    }

    /// Whether the pattern matches the whole name. Linear in practice, and never worse than both lengths multiplied.
    pub fn matches(&self, name: &str) -> bool {
        let pattern = &self.0;
        let name: Vec<char> = name.chars().collect();
        let (mut p, mut n) = (0, 0);
        // Where the last star stands and how much it has swallowed so far: on a mismatch it swallows one more.
        let mut star = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(&c) if c == '?' || c == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => {
                    let Some((at, swallowed)) = star else { return false };
                    star = Some((at, swallowed + 1));
                    p = at + 1;
                    n = swallowed + 1;
                }
            }
        }
        pattern[p..].iter().all(|&c| c == '*')
    }
}

/// A pattern for actors. The short form `local:1` and `local://1` are the same actor.
#[derive(Clone, Debug)]
pub struct ActorGlob {
    given: Glob,
    long: Option<Glob>,
}

impl ActorGlob {
    /// Reads a pattern; there is none that is wrong.
    pub fn new(pattern: &str) -> Self {
        let long = pattern.split_once(':').and_then(|(system, id)| {
            let short =
                !system.is_empty() && !id.is_empty() && id.chars().all(|c| c.is_ascii_digit() || "*?".contains(c));
            short.then(|| Glob::new(&format!("{system}://{id}")))
        });
        ActorGlob { given: Glob::new(pattern), long }
    }

    /// Whether the pattern matches the actor's address; an unknown one reads `-`.
    pub fn matches(&self, address: &ActorAddress) -> bool {
        let name = address.as_str().unwrap_or("-");
        self.given.matches(name) || self.long.as_ref().is_some_and(|long| long.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_as_in_a_shell() {
        for (pattern, name, matches) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("*worker/?", "orders://worker/3", true),
            ("*worker/?", "orders://worker/33", false),
            ("a**b*", "aXb", true),
            ("", "a", false),
            ("?", "é", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(name), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        assert!(!Glob::new(&"*a".repeat(200)).matches(&"a".repeat(199)));
    }

    #[test]
    fn the_short_form_is_the_same_actor() {
        for pattern in ["local:1", "local://1", "local:?", "local:*", "*"] {
            for address in ["local:1", "local://1"] {
                assert!(ActorGlob::new(pattern).matches(&ActorAddress::new(address)), "{pattern} {address}");
            }
        }
        assert!(!ActorGlob::new("local:1").matches(&ActorAddress::new("local:11")));
        assert!(ActorGlob::new("*").matches(&ActorAddress::UNKNOWN));
    }
}
