//! `migrate`, `backup`, `restore`, `check`: what an operator does with everything that a server keeps.
//!
//! Never overwrites anything: what is there already is refused.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;

use super::{DataArgs, print};
use crate::{
    Config, Database, Error,
    config::FilesAt,
    store::{self, whole},
};

/// How often it is told how far something is.
const TELL: Duration = Duration::from_secs(1);

/// From where to where.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// The database to move: sqlite:DIR or postgres://USER@HOST/NAME
    #[arg(long, env = "KHAYA_FROM", hide_env_values = true, value_name = "URL")]
    from: Database,
    /// The empty database to move it into: the same
    #[arg(long, env = "KHAYA_TO", hide_env_values = true, value_name = "URL")]
    to: Database,
}

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The folder to make the copy in; it can be served from as it is
    #[arg(long, env = "KHAYA_TO", value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The folder that `backup` made
    #[arg(long, env = "KHAYA_FROM", value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) async fn migrate(args: Migrate) -> Result<(), Error> {
    must_exist(&args.from).await?;
    let (from, to) = (args.from.to_string(), args.to.to_string());
    let moved = whole::migrate(args.from, args.to, teller()).await?;
    tell_moved(&moved)?;
    print(&format!(
        "moved {from} to {to}. Serve with --database from now on; {from} is as it was, and files stay where they are"
    ))
}

pub(super) async fn backup(args: Backup) -> Result<(), Error> {
    let config = args.data.into_config()?;
    let database = config.database();
    must_exist(&database).await?;
    whole::back_up(database, args.to.clone(), teller()).await?;
    // The database first: whatever it names is there still when the files are copied.
    let files = match folder_of_files(&config) {
        Some(folder) => copy_files(&folder, &args.to.join("files"))?,
        None => 0,
    };
    broken(Database::Sqlite(args.to.clone())).await?;
    print(&format!(
        "copied the database and {files} files to {}",
        args.to.display()
    ))?;
    tell_elsewhere(&config)
}

pub(super) async fn restore(args: Restore) -> Result<(), Error> {
    let from = Database::Sqlite(args.from.clone());
    must_exist(&from).await?;
    broken(from.clone()).await?;
    let config = args.data.into_config()?;
    let to = config.database().to_string();
    let moved = whole::restore(from, config.database(), teller()).await?;
    let files = match folder_of_files(&config) {
        Some(folder) => copy_files(&args.from.join("files"), &folder)?,
        None => 0,
    };
    tell_moved(&moved)?;
    print(&format!("restored the database and {files} files to {to}"))?;
    tell_elsewhere(&config)
}

pub(super) async fn check(data: DataArgs) -> Result<(), Error> {
    let database = data.into_config()?.database();
    must_exist(&database).await?;
    broken(database).await?;
    print("everything is as it must be")
}

/// Refuses a database of which anything is broken, and says what.
async fn broken(database: Database) -> Result<(), Error> {
    let name = database.to_string();
    let found = whole::check(database, teller()).await?;
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::Config(format!(
        "{name} is not as it must be: {}. Keep it as it is, and restore the last backup into another folder",
        found.join("; ")
    )))
}

async fn must_exist(database: &Database) -> Result<(), Error> {
    if store::exists(database).await? {
        Ok(())
    } else {
        Err(Error::Config(format!("there is no database in {database}")))
    }
}

fn tell_moved(moved: &[whole::Moved]) -> Result<(), Error> {
    for table in moved {
        print(&format!(
            "{:>10} {:<12} sha256 {}",
            table.rows, table.table, table.hash
        ))?;
    }
    Ok(())
}

fn folder_of_files(config: &Config) -> Option<PathBuf> {
    match &config.files {
        FilesAt::Data => Some(config.data.join("files")),
        FilesAt::Folder(folder) => Some(folder.clone()),
        FilesAt::Bucket(_) => None,
    }
}

fn tell_elsewhere(config: &Config) -> Result<(), Error> {
    match &config.files {
        FilesAt::Bucket(url) => print(&format!("the files in {url} are not part of it")),
        FilesAt::Data | FilesAt::Folder(_) => Ok(()),
    }
}

/// Copies all files that are not there yet, and says how many. A file's bytes never change, so one that is there is
/// the same, unless it was copied by half.
fn copy_files(from: &Path, to: &Path) -> Result<u64, Error> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| Error::io(format!("cannot copy {path}"), source)
    };
    if !from.exists() {
        return Ok(0);
    }
    fs::create_dir_all(to).map_err(failed(to))?;
    #[cfg(unix)]
    fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(failed(to))?;
    let mut copied = 0;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let about = match entry.metadata() {
            Ok(about) => about,
            // Deleted meanwhile, as files are that nobody needs.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&source)(error)),
        };
        if about.is_dir() {
            copied += copy_files(&source, &target)?;
            continue;
        }
        if target.metadata().is_ok_and(|there| there.len() == about.len()) {
            continue;
        }
        match fs::copy(&source, &target) {
            Ok(_) => {
                fs::File::open(&target)
                    .and_then(|file| file.sync_all())
                    .map_err(failed(&target))?;
                copied += 1;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&source)(error)),
        }
    }
    Ok(copied)
}

/// Tells on standard error how far something is, not too often.
fn teller() -> impl FnMut(&str) + Send + 'static {
    let mut last = Instant::now();
    move |what| {
        if last.elapsed() >= TELL {
            last = Instant::now();
            let _closed = writeln!(std::io::stderr(), "{what}");
        }
    }
}
