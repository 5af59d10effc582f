//! The page about metrics says what the code says.

use std::{fs, path::Path};

use papyra::metrics::{LABELS, table};

#[test]
fn the_page_lists_every_metric_as_the_table_does() {
    let mut expected = String::from("| metric | type | meaning |\n|---|---|---|\n");
    for metric in table() {
        expected += &format!("| `{}` | {} | {} |\n", metric.series(), metric.instrument, metric.help());
    }
    expected += "\n| label | values |\n|---|---|\n";
    for label in LABELS {
        expected += &format!("| `{}` | {} |\n", label.name, label.about);
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let found: String = fs::read_to_string(&page).unwrap();
    let (_, tables) = found.split_once("<!-- the table, as the code has it -->\n\n").unwrap();
    let (tables, _) = tables.split_once("\n<!-- end of the table -->").unwrap();
    assert_eq!(tables, expected, "\ncopy this into {}:\n\n{expected}", page.display());
}
