//! The command line: `serve`, `user add`, `user role`, `invite`, `audit`, `demo`, and what is done with a whole
//! database.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 refused or failed,
//! 2 a command line that makes no sense, or a configuration to serve with.

mod operate;

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    App, Config, Error, Server,
    config::Options,
    demo,
    operator::{self, AuditArgs},
    store::{self, users},
};

const FIRST_STEPS: &str = "\
First steps:
  echo PASSPHRASE | khaya-server user add NAME --name 'Full Name' --role admin --password-stdin
  khaya-server serve
  khaya-server invite --uses 20 --expires 7

Every option is also an environment variable (--token-ttl is KHAYA_TOKEN_TTL) and a key in the TOML file that
--config names (token-ttl = 900). Flags go before the environment, and that before the file.
Without --data and --database everything lies in one folder of the user who runs it; name it with --data.
KHAYA_LOG says how much is logged to standard error: info, debug, or by part.
Exit codes: 0 done, 1 refused or failed, 2 a command line that makes no sense, or a configuration to serve with.";

/// The exit code of what makes no sense; clap's own.
const MAKES_NO_SENSE: u8 = 2;

/// The chat server that a team hosts for itself.
#[derive(Debug, Parser)]
#[command(name = "khaya-server", version, after_help = FIRST_STEPS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until interrupted. Prints `listening on http://ADDRESS:PORT` when it can.
    Serve(Box<Options>),
    /// Add people and change their roles; also beside a running server.
    #[command(subcommand)]
    User(UserCommand),
    /// Make an invite and print its link.
    Invite {
        /// How many accounts it makes
        #[arg(long, default_value_t = 1, value_name = "N")]
        uses: i64,
        /// After how many days it ends; never when nothing is said
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=3650))]
        expires: Option<i64>,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Print who did what: sign-ins, sessions, roles, invites, members, what moderators deleted.
    Audit {
        #[command(flatten)]
        wanted: AuditArgs,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Move everything to another database, which is empty, and check that it arrived. Stop the servers first.
    Migrate(operate::Migrate),
    /// Copy the database and the files into a folder, also while servers run.
    Backup(operate::Backup),
    /// Put what `backup` copied into an empty database, and check that it arrived.
    Restore(operate::Restore),
    /// Check that everything in the database fits together; also beside a running server.
    Check(DataArgs),
    /// Fill an empty database with a team to try things on, and print who can sign in.
    Demo(DataArgs),
}

/// Where the data is, for what is done beside a server.
#[derive(Debug, Args)]
struct DataArgs {
    /// The folder of the database and the files [default: khaya-server in the system's folder for data]
    #[arg(long, env = "KHAYA_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The database: postgres://USER@HOST/NAME, or sqlite:DIR [default: SQLite in the folder of data]
    #[arg(long, env = "KHAYA_DATABASE", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
    /// The TOML file of options of the server
    #[arg(long, env = "KHAYA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if let Err(error) = start_log() {
        return failed(&error);
    }
    let done = match cli.command {
        Command::Serve(args) => match serve(*args).await {
            // To try again would not help.
            Err(error @ Error::Config(_)) => {
                tell(&error);
                return ExitCode::from(MAKES_NO_SENSE);
            }
            served => served,
        },
        Command::User(UserCommand::Add {
            username,
            name,
            role,
            password_stdin: _,
            data,
        }) => add_user(username, name, role, data).await,
        Command::User(UserCommand::Role { username, role, data }) => set_role(username, role, data).await,
        Command::Invite { uses, expires, data } => invite(uses, expires, data).await,
        Command::Audit { wanted, data } => audit(wanted, data).await,
        Command::Migrate(args) => operate::migrate(args).await,
        Command::Backup(args) => operate::backup(args).await,
        Command::Restore(args) => operate::restore(args).await,
        Command::Check(data) => operate::check(data).await,
        Command::Demo(data) => fill_demo(data).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Logs to standard error what `KHAYA_LOG` asks for (`info` by default; `debug`, `khaya_server=trace`, …). Of
/// others' code warnings alone, whatever is asked: at lower levels it logs what is on the wire, tokens with it.
fn start_log() -> Result<(), Error> {
    let wanted = std::env::var("KHAYA_LOG").unwrap_or_default();
    let wanted = if wanted.trim().is_empty() { "info" } else { &wanted };
    let filter = EnvFilter::try_new(wanted).map_err(|error| Error::Config(format!("KHAYA_LOG: {error}")))?;
    let ours =
        filter_fn(|metadata| metadata.target().starts_with("khaya") || *metadata.level() <= Level::WARN);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_filter(filter)
        .with_filter(ours);
    tracing_subscriber::registry().with(layer).init();
    Ok(())
}

fn failed(error: &Error) -> ExitCode {
    tell(error);
    ExitCode::FAILURE
}

fn tell(error: &Error) {
    let _closed = writeln!(std::io::stderr(), "khaya-server: {error}");
}

async fn serve(options: Options) -> Result<(), Error> {
    let config = options.into_config()?;
    let server = Server::start(config).await?;
    print(&format!("listening on {}", server.url()))?;
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
    let added = operator::add_user(&app, new).await;
    app.store.close().await;
    let user = added?;
    print(&format!("added {} ({})", user.username, user.role))
}

async fn set_role(username: String, role: String, data: DataArgs) -> Result<(), Error> {
    let app = open_existing(data).await?;
    let changed = operator::set_role(&app, &username, &role).await;
    app.store.close().await;
    print(&format!("{} is now {role}", changed?.username))
}

async fn invite(uses: i64, days: Option<i64>, data: DataArgs) -> Result<(), Error> {
    let app = open_existing(data).await?;
    let made = operator::invite(&app, uses, days).await;
    app.store.close().await;
    print(&format!("khaya://invite/{}", made?.code))
}

async fn audit(wanted: AuditArgs, data: DataArgs) -> Result<(), Error> {
    let app = open_existing(data).await?;
    let read = operator::audit(&app, wanted, print).await;
    app.store.close().await;
    read
}

async fn fill_demo(data: DataArgs) -> Result<(), Error> {
    let app = open(data).await?;
    let filled = demo::fill(&app).await;
    app.store.close().await;
    print(&filled?)
}

async fn open(args: DataArgs) -> Result<App, Error> {
    App::open(args.into_config()?).await
}

/// As [`open`], but makes no database where there is none.
async fn open_existing(args: DataArgs) -> Result<App, Error> {
    let config = args.into_config()?;
    let database = config.database();
    if store::exists(&database).await? {
        App::open(config).await
    } else {
        Err(Error::Config(format!("there is no database in {database}")))
    }
}

impl DataArgs {
    fn into_config(self) -> Result<Config, Error> {
        Options::beside(self.data, self.database, self.config).into_config()
    }
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
