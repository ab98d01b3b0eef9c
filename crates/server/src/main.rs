//! The `khaya-server` program. All that it does is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    khaya_server::cli::run().await
}
