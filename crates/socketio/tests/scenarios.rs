//! `docs/scenarios.md` against the tests: every scenario has a test that exists, or one of the two reasons.

use std::{fs, path::Path};

#[test]
fn every_scenario_has_a_test_or_a_reason() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(package.join("docs/scenarios.md")).expect("the list of scenarios");
    let mut scenarios = 0;
    for row in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [scenario, tests] = cells[..] else {
            panic!("not two cells: {row}");
        };
        match tests {
            "Test" | "---" => continue,
            "browser only" | "JavaScript internals" => {}
            tests => {
                for test in tests.split(' ') {
                    let name = test.trim_matches('`');
                    assert!(exists(package, name), "{scenario}: there is no test {name}");
                }
            }
        }
        scenarios += 1;
    }
    assert!(scenarios > 0, "the list is empty");
}

/// Whether `folder::file::name`, a test of this package, is written down where its path says: in `tests`, or in a
/// file of `src` or its module `tests`.
fn exists(package: &Path, test: &str) -> bool {
    let Some((module, name)) = test.rsplit_once("::") else {
        return false;
    };
    let module = module.replace("::", "/");
    let places = [
        format!("tests/{module}.rs"),
        format!("src/{module}.rs"),
        format!("src/{}.rs", module.trim_end_matches("/tests")),
    ];
    places.iter().any(|place| {
        fs::read_to_string(package.join(place)).is_ok_and(|source| source.contains(&format!("fn {name}(")))
    })
}
