//! The page without a window: its languages agree, its scripts agree with the types they declare, and are formatted.

use anyhow::{Result, ensure};
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
