//! What the benchmarks print.

/// One target and what was reached.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) number: &'static str,
    pub(crate) what: String,
    /// What was reached, and whether more is better.
    pub(crate) reached: f64,
    pub(crate) must: Must,
    pub(crate) unit: &'static str,
}

/// What must be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Must {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    fn holds(&self) -> bool {
        match self.must {
            Must::AtLeast(must) => self.reached >= must,
            Must::AtMost(must) => self.reached <= must,
        }
    }
}

/// Prints the rows; an error if any target is missed.
pub(crate) fn print(rows: &[Row]) -> Result<(), String> {
    println!("\n| # | what | reached | must | |\n|---|---|---|---|---|");
    for row in rows {
        let (sign, must) = match row.must {
            Must::AtLeast(must) => ("≥", must),
            Must::AtMost(must) => ("≤", must),
        };
        let verdict = if row.holds() { "reached" } else { "**missed**" };
        println!(
            "| {} | {} | {}{} | {sign} {}{} | {verdict} |",
            row.number,
            row.what,
            figure(row.reached),
            row.unit,
            figure(must),
            row.unit
        );
    }
    match rows.iter().filter(|row| !row.holds()).count() {
        0 => Ok(()),
        missed => Err(format!("{missed} targets are missed")),
    }
}

fn figure(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
