//! The command line: `serve`, `user add`, `user role`, `demo`.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 refused or failed,
//! 2 a command line that makes no sense.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::{App, Config, Error, Server, config::ConfigFile, demo, store::users};

/// The chat server that a team hosts for itself.
#[derive(Debug, Parser)]
#[command(name = "khaya-server", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until interrupted. Prints `listening on http://ADDRESS:PORT` when it can.
    Serve(ServeArgs),
    /// Add people and change their roles; also beside a running server.
    #[command(subcommand)]
    User(UserCommand),
    /// Fill an empty database with a team to try things on, and print who can sign in.
    Demo(DataArgs),
}

#[derive(Debug, Args)]
struct DataArgs {
    /// The folder of the database and the files [default: khaya-server in the system's folder for data]
    #[arg(long, env = "KHAYA_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// A TOML file of options, each under its name here; what is said here and in the environment goes before it
    #[arg(long, env = "KHAYA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Where to listen; port 0 picks one [default: 127.0.0.1:4000]
    #[arg(long, env = "KHAYA_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The name of the server that clients show [default: Khaya]
    #[arg(long, env = "KHAYA_NAME")]
    name: Option<String>,
    /// How long an access token lasts [default: 900]
    #[arg(long, env = "KHAYA_TOKEN_TTL", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    token_ttl: Option<u64>,
    /// An Origin whose pages may call this server; may be repeated, or hold several with commas between them
    #[arg(
        long,
        env = "KHAYA_ALLOW_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    allow_origin: Option<Vec<String>>,
    /// What a collector of metrics says as its bearer token; without one only admins may read them
    #[arg(
        long,
        env = "KHAYA_METRICS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    metrics_token: Option<String>,
    /// How many connections may wait to be accepted [default: 4096]
    #[arg(long, env = "KHAYA_BACKLOG")]
    backlog: Option<u32>,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add somebody. The password is read from standard input.
    Add {
        username: String,
        /// The name that others see
        #[arg(long)]
        name: String,
        /// admin, member, guest, or a role of your own
        #[arg(long)]
        role: String,
        /// Read the password from standard input, up to the first line break
        #[arg(long, required = true)]
        password_stdin: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Give somebody another role. It counts from their next request and event on.
    Role {
        username: String,
        role: String,
        #[command(flatten)]
        data: DataArgs,
    },
}

/// Runs the program.
pub async fn run() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("KHAYA_LOG").unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .init();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let done = match cli.command {
        Command::Serve(args) => serve(args).await,
        Command::User(UserCommand::Add {
            username,
            name,
            role,
            password_stdin: _,
            data,
        }) => add_user(username, name, role, data).await,
        Command::User(UserCommand::Role { username, role, data }) => set_role(username, role, data).await,
        Command::Demo(data) => fill_demo(data).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _closed = writeln!(std::io::stderr(), "khaya-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: ServeArgs) -> Result<(), Error> {
    let file = file_of(&args.data)?;
    let default = Config::default();
    let config = Config {
        listen: args.listen.or(file.listen).unwrap_or(default.listen),
        data: args.data.data.or(file.data).unwrap_or(default.data),
        name: args.name.or(file.name).unwrap_or(default.name),
        token_ttl: args
            .token_ttl
            .or(file.token_ttl)
            .map_or(default.token_ttl, Duration::from_secs),
        allow_origin: args
            .allow_origin
            .or(file.allow_origin)
            .unwrap_or(default.allow_origin),
        metrics_token: args.metrics_token.or(file.metrics_token),
        backlog: args.backlog.or(file.backlog).unwrap_or(default.backlog),
    };
    let server = Server::start(config).await?;
    print(&format!("listening on http://{}", server.address()))?;
    interrupted().await;
    server.stop().await;
    Ok(())
}

async fn add_user(username: String, name: String, role: String, data: DataArgs) -> Result<(), Error> {
    let password = read_password()?;
    let app = open(data).await?;
    let password_hash = app.passwords.hash(password).await?;
    let new = users::NewUser {
        username,
        name,
        role,
        password_hash,
    };
    let added = app
        .store
        .writer()
        .write(move |tx| Box::pin(users::add(tx, new)))
        .await;
    app.store.close().await;
    let user = added?;
    print(&format!("added {} ({})", user.username, user.role))
}

async fn set_role(username: String, role: String, data: DataArgs) -> Result<(), Error> {
    let app = open(data).await?;
    let new_role = role.clone();
    let changed = app
        .store
        .writer()
        .write(move |tx| Box::pin(async move { users::set_role_of(tx, &username, &new_role).await }))
        .await;
    app.store.close().await;
    print(&format!("{} is now {role}", changed?.username))
}

async fn fill_demo(data: DataArgs) -> Result<(), Error> {
    let app = open(data).await?;
    let filled = demo::fill(&app).await;
    app.store.close().await;
    print(&filled?)
}

async fn open(args: DataArgs) -> Result<App, Error> {
    let file = file_of(&args)?;
    let default = Config::default();
    App::open(Config {
        data: args.data.or(file.data).unwrap_or_else(|| default.data.clone()),
        ..default
    })
    .await
}

fn file_of(args: &DataArgs) -> Result<ConfigFile, Error> {
    args.config
        .as_deref()
        .map_or_else(|| Ok(ConfigFile::default()), ConfigFile::read)
}

fn read_password() -> Result<String, Error> {
    let mut text = String::new();
    std::io::stdin()
        .take(64 * 1024)
        .read_to_string(&mut text)
        .map_err(|source| Error::io("cannot read the password", source))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn print(line: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|source| Error::io("cannot write to standard output", source))
}

/// Waits for Ctrl-C, or for what a service manager sends.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ended = tokio::signal::ctrl_c().await;
}
