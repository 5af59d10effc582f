//! The number that bytes end with. A scan reads two of them from every line, so eight digits are taken at a time, and all of
//! this is inlined: that makes a scan faster by 3 %.

/// The longest text of a number that is looked at: none that we write is longer, and the bound keeps a hostile line cheap.
const LONGEST: usize = 64;

/// The decimal digits that bytes end with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Digits {
    pub(super) value: u64,
    pub(super) count: usize,
}

/// The digits at the end; `None` if there are none, or more than 19, which may be more than a `u64` holds.
#[inline(always)]
pub(super) fn digits_at_end(bytes: &[u8]) -> Option<Digits> {
    let mut all = eight_at_end(bytes);
    if all.count == 8 {
        let next = eight_at_end(&bytes[..bytes.len() - 8]);
        all = Digits { value: next.value * 100_000_000 + all.value, count: 8 + next.count };
        if next.count == 8 {
            let last = eight_at_end(&bytes[..bytes.len() - 16]);
            if last.count > 3 {
                return None;
            }
            all = Digits { value: last.value * 10_u64.pow(16) + all.value, count: 16 + last.count };
        }
    }
    (all.count > 0).then_some(all)
}

/// The digits at the end, of the last eight bytes.
#[inline(always)]
fn eight_at_end(bytes: &[u8]) -> Digits {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let chunk = bytes.last_chunk::<8>().copied().unwrap_or_else(|| {
        let mut padded = [b' '; 8];
        padded[8 - bytes.len()..].copy_from_slice(bytes);
        padded
    });
    // The first character is the lowest byte. Digits become 0 to 9; the top bit of every other byte gets set in `strange`.
    let values = u64::from_le_bytes(chunk) ^ (0x30 * EACH);
    let strange = ((values & (0x7f * EACH)).wrapping_add(0x76 * EACH) | values) & (0x80 * EACH);
    let count = strange.leading_zeros() as usize / 8;
    // What is no digit becomes a leading zero.
    let digits = if count == 0 { 0 } else { values & (u64::MAX << (64 - 8 * count)) };
    // Neighbours are joined to pairs, then the four pairs are weighed and summed in the upper half.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let odd = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let even = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    Digits { value: odd.wrapping_add(even) >> 32, count }
}

/// The finite number at the end, and the length of its text. Those of usual length, as nearly all timestamps are, need no
/// general parser: a whole number below 2^53 divided by a power of ten up to 10^22 is rounded once, and so exact.
#[inline(always)]
pub(super) fn at_end(bytes: &[u8]) -> Option<(f64, usize)> {
    short(bytes).or_else(|| general(bytes))
}

#[inline(always)]
fn short(bytes: &[u8]) -> Option<(f64, usize)> {
    const POWERS: [f64; 17] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16];
    let right = digits_at_end(bytes)?;
    let before = &bytes[..bytes.len() - right.count];
    let (digits, decimals, len) = match before.strip_suffix(b".") {
        None => (right.value, 0, right.count),
        Some(before) => {
            let left = digits_at_end(before)?;
            let len = left.count + right.count;
            if len > 17 {
                return None;
            }
            (left.value * 10_u64.pow(right.count as u32) + right.value, right.count, len + 1)
        }
    };
    let begins = !is_of_number(*bytes.get(bytes.len().wrapping_sub(len + 1)).unwrap_or(&b':'));
    (begins && digits < 1 << 53).then(|| (digits as f64 / POWERS[decimals], len))
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')
}

fn general(bytes: &[u8]) -> Option<(f64, usize)> {
    let len = bytes.iter().rev().take(LONGEST).take_while(|byte| is_of_number(**byte)).count();
    let number: f64 = std::str::from_utf8(&bytes[bytes.len() - len..]).ok()?.parse().ok()?;
    number.is_finite().then_some((number, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    #[test]
    fn the_short_way_to_a_number_gives_what_the_long_way_gives() {
        let seed = &mut 88_172_645_463_325_252;
        for round in 0..200_000 {
            let text = match round % 4 {
                0 => format!("{}.{}", random(seed) % 10_000_000_000, random(seed) % 1_000_000),
                1 => format!("{}", random(seed) >> (random(seed) % 64)),
                2 => format!("{}.{:0>9}", random(seed) % 100, random(seed) % 1_000_000_000),
                _ => format!("{:?}", f64::from_bits(random(seed))),
            };
            for before in ["", ":", "\"timestamp\":", "ü"] {
                let text = format!("{before}{text}");
                assert_eq!(at_end(text.as_bytes()), general(text.as_bytes()), "{text}");
            }
        }
        for odd in ["", ".", "1.", ".5", "1.2.3", "-1", "1e3", "00", "0.5", "0", "007", "x", "é9", "1.é9"] {
            assert_eq!(at_end(odd.as_bytes()), general(odd.as_bytes()), "{odd}");
        }
    }

    #[test]
    fn digits_are_found_whatever_stands_before_them() {
        let seed = &mut 2_463_534_242;
        for round in 0..200_000 {
            let count = round % 24;
            let digits: String = (0..count).map(|_| char::from(b'0' + (random(seed) % 10) as u8)).collect();
            let mut bytes: Vec<u8> = (0..random(seed) % 10).map(|_| (random(seed) % 256) as u8).collect();
            if bytes.last().is_some_and(u8::is_ascii_digit) {
                bytes.push(b':');
            }
            bytes.extend_from_slice(digits.as_bytes());
            let expected = digits.parse().ok().filter(|_| count <= 19).map(|value| Digits { value, count });
            assert_eq!(digits_at_end(&bytes), expected, "{:?}", bytes.escape_ascii().to_string());
        }
    }
}
