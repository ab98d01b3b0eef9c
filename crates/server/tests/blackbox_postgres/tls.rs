//! A Postgres over a network: TLS, with a certificate that is checked, and nothing instead of it.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use khaya_server::config::BusAt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;

use crate::{
    client::{PASSWORD, Person, serve, until},
    ports,
    postgres::{Postgres, make_folder},
    program,
};

/// Who vouches for certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A Postgres that is called so, reached at a port of `127.0.0.1` over TLS alone.
    fn postgres(&self, name: &str) -> (Postgres, u16) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let folder = make_folder();
        fs::write(folder.join("certificate"), certificate.pem()).unwrap();
        // Postgres refuses a key that others can read.
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join("key"));
        file.unwrap().write_all(key.serialize_pem().as_bytes()).unwrap();
        let port = ports::free();
        let options =
            "-c listen_addresses=127.0.0.1 -c ssl=on -c ssl_cert_file=../certificate -c ssl_key_file=../key";
        (Postgres::begin(folder, port, options, None), port)
    }

    fn write(&self, dir: &Path, name: &str) -> PathBuf {
        let file = dir.join(name);
        fs::write(&file, self.0.pem()).unwrap();
        file
    }
}

#[tokio::test]
async fn two_nodes_reach_it_over_tls_alone_for_data_and_as_their_bus() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (postgres, port) = authority.postgres("localhost");
    let roots = authority.write(dir.path(), "roots.pem");
    let _made = postgres.create("khaya");
    let address = format!(
        "postgres://khaya@localhost:{}/khaya?sslmode=verify-full&sslrootcert={}",
        port,
        roots.display()
    );
    let node = || {
        serve(dir.path(), |config| {
            config.database = Some(address.parse().unwrap());
            config.bus = Some(BusAt::new(&address).unwrap());
        })
    };
    let (here, there) = (node().await, node().await);
    until([&here, &there], "khaya_bus_nodes", 1).await;
    here.add_user("alice", "Alice", "member", PASSWORD).await.unwrap();
    let alice = Person::sign_in(here.url(), "alice").await;
    let chat = alice.group(&[]).await;
    let mut socket = alice.at(&there).socket().await;
    alice.say(&chat, json!({"content": "over the wire"})).await;
    loop {
        if socket.next().await.1["message"]["content"] == "over the wire" {
            break;
        }
    }
    let count = |ssl: bool| {
        postgres.run(
            "khaya",
            &format!(
                "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name = 'khaya-server' AND ssl = {ssl}"
            ),
        )
    };
    assert_eq!(count(false), "0");
    assert_ne!(count(true), "0");
    here.stop().await;
    there.stop().await;
}

#[test]
fn one_that_is_not_the_right_one_is_refused_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (postgres, port) = authority.postgres("localhost");
    let roots = authority.write(dir.path(), "roots.pem").display().to_string();
    let others = stranger.write(dir.path(), "others.pem").display().to_string();
    let empty = dir.path().join("empty.pem").display().to_string();
    fs::write(&empty, "").unwrap();
    let _made = postgres.create("khaya");
    for (host, parameters, why) in [
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={others}"),
            "invalid peer certificate",
        ),
        // That of the system vouch for no such thing either.
        ("localhost", "sslmode=verify-full".to_owned(), "certificate"),
        // The right authority, for another name.
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={roots}"),
            "invalid peer certificate",
        ),
        // What is called weaker elsewhere is not, here.
        (
            "localhost",
            format!("sslmode=require&sslrootcert={others}"),
            "invalid peer certificate",
        ),
        ("localhost", "sslmode=disable".to_owned(), "no encryption"),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={roots}.not"),
            "sslrootcert",
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={empty}"),
            "sslrootcert",
        ),
    ] {
        let address = format!("postgres://khaya:secret@{host}:{port}/khaya?{parameters}");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--database", &address];
        let ended = program::run(dir.path(), &arguments, "");
        let said = String::from_utf8(ended.stderr).unwrap();
        println!("{parameters}: {said}");
        assert!(!ended.status.success(), "{parameters}: {said}");
        assert!(ended.stdout.is_empty(), "{parameters}");
        assert!(
            said.contains(why) && !said.contains("secret") && !said.contains("panic"),
            "{parameters}: {said}"
        );
    }
}
