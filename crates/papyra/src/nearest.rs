//! The known name that somebody probably meant.

/// The known name nearest to a wrong one, if one is near enough to be worth saying.
///
/// Case and `-` for `_` do not count, and `max_age` is near to `retention.max_age`, whose group was forgotten.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.chars().take(80).map(plain).collect();
    let limit = 1 + wrong.len() / 4;
    known
        .into_iter()
        .filter_map(|name| {
            let chars: Vec<char> = name.chars().map(plain).collect();
            let distance = distance(&wrong, &chars);
            if distance <= limit {
                return Some((distance, name));
            }
            let start = chars.len().checked_sub(wrong.len())?;
            // Behind everything that differs by letters only; of several, the shortest.
            let forgot_the_group = !wrong.is_empty() && start > 0 && chars[start - 1] == '.' && chars[start..] == wrong;
            forgot_the_group.then_some((limit + chars.len(), name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn plain(c: char) -> char {
    if c == '-' { '_' } else { c.to_ascii_lowercase() }
}

/// How many letters must be added, removed, replaced or swapped with their neighbour.
fn distance(from: &[char], to: &[char]) -> usize {
    let (mut before_last, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=to.len()).collect());
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_what_was_meant() {
        let known = ["retention.max_age", "retention.max_bytes", "retention.dead_letter.max_age", "durability", "url"];
        for (wrong, meant) in [
            ("retension.max_age", Some("retention.max_age")),
            ("retention.max-age", Some("retention.max_age")),
            ("Retention.Max_Age", Some("retention.max_age")),
            ("retention.dead_letters.max_age", Some("retention.dead_letter.max_age")),
            ("durabilty", Some("durability")),
            ("rul", Some("url")),
            ("max_age", Some("retention.max_age")),
            ("password", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, known), meant, "{wrong}");
        }
    }
}
