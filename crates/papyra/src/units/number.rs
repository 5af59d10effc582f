//! A decimal number in front of a unit, multiplied without rounding errors.

/// A number as it was written: `1.5` is 15 with one decimal.
#[derive(Clone, Copy)]
pub(super) struct Decimal {
    digits: u128,
    decimals: u32,
}

/// More digits than this no sensible duration or size has; it keeps the product below within `u128`.
const MAX_DIGITS: usize = 20;

impl Decimal {
    /// Takes the number from the front of a text and gives the rest.
    pub(super) fn take(text: &str) -> Option<(Self, &str)> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (number, ""),
        };
        if whole.is_empty() || whole.len() + fraction.len() > MAX_DIGITS {
            return None;
        }
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some((Decimal { digits, decimals: fraction.len() as u32 }, rest))
    }

    pub(super) fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// So many units; what is smaller than one is cut off. `None` beyond `u64`.
    pub(super) fn times(self, unit: u64) -> Option<u64> {
        let product = self.digits.checked_mul(u128::from(unit))? / 10u128.pow(self.decimals);
        u64::try_from(product).ok()
    }
}
