//! The page without a window: its languages agree, its scripts agree with the types they declare, and are formatted.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{artifacts::Artifacts, node};

#[tokio::test]
async fn every_language_has_the_same_words() -> Result<()> {
    let artifacts = Artifacts::new("words")?;
    let mut words = node::start("words", "words.mjs", &[], &artifacts)?;
    let status = words.ended().await?;
    let faults = std::fs::read_to_string(words.log())?;
    ensure!(status.success() && faults.is_empty(), "{faults}");
    Ok(())
}

/// Else a module is asked for only when the one before it has come and been read: a step for each level of imports, at
/// every opening of a window.
#[test]
fn all_modules_are_asked_for_at_once() -> Result<()> {
    let ui = node::folder().join("../../../ui");
    let mut modules = BTreeSet::new();
    let mut next = vec!["main.js".to_owned()];
    while let Some(module) = next.pop() {
        let text = std::fs::read_to_string(ui.join(&module)).with_context(|| module.clone())?;
        let folder = module.rsplit_once('/').map_or("", |(folder, _)| folder);
        for imported in text
            .split("from \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            let imported = match (imported.strip_prefix("../"), imported.strip_prefix("./")) {
                (Some(above), _) => above.to_owned(),
                (None, Some(beside)) if folder.is_empty() => beside.to_owned(),
                (None, Some(beside)) => format!("{folder}/{beside}"),
                (None, None) => continue,
            };
            next.extend((!modules.contains(&imported)).then_some(imported));
        }
        modules.insert(module);
    }
    let page = std::fs::read_to_string(ui.join("index.html"))?;
    let asked: BTreeSet<String> = page
        .split("<link rel=\"modulepreload\" href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next().map(str::to_owned))
        .collect();
    ensure!(
        asked == modules,
        "in index.html, but not imported: {:?}; imported, but not there: {:?}",
        asked.difference(&modules),
        modules.difference(&asked)
    );
    Ok(())
}

#[tokio::test]
async fn the_scripts_keep_to_their_types() -> Result<()> {
    let artifacts = Artifacts::new("types")?;
    let config = node::folder().join("../../../ui/jsconfig.json");
    let arguments = ["--pretty", "false", "-p", &config.to_string_lossy()].map(str::to_owned);
    let mut tsc = node::start("tsc", "node_modules/typescript/bin/tsc", &arguments, &artifacts)?;
    let status = tsc.ended().await?;
    let faults = std::fs::read_to_string(tsc.log())?;
    ensure!(status.success() && faults.is_empty(), "{faults}");
    Ok(())
}

#[tokio::test]
async fn the_scripts_and_styles_are_formatted() -> Result<()> {
    let artifacts = Artifacts::new("format")?;
    let arguments = [
        "--check",
        "--log-level=warn",
        "../../../ui/**/*.js",
        "../../../ui/**/*.css",
    ]
    .map(str::to_owned);
    let program = "node_modules/prettier/bin/prettier.cjs";
    let mut prettier = node::start("prettier", program, &arguments, &artifacts)?;
    let status = prettier.ended().await?;
    let faults = std::fs::read_to_string(prettier.log())?;
    ensure!(status.success() && faults.is_empty(), "{faults}");
    Ok(())
}
