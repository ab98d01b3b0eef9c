//! Files in a bucket, of a server that speaks S3 over HTTP, checks signatures, and may go away and come back.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::stream;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use image::ImageFormat;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    client::{PASSWORD, Person, code},
    files::{all_in, fetch, picture, status, upload, uploaded},
    program::{Serving, program, run},
};

const KEY: (&str, &str) = ("name", "secret");
/// In seconds: what is still to be sent is there all that time, also on a machine with much else to do.
const UPLOAD_TTL: &str = "15";
/// More than one part of an upload in parts.
const LARGE: u32 = 12_000_000;

/// A bucket `team`, in a folder.
struct Bucket {
    folder: tempfile::TempDir,
    address: SocketAddr,
    served: JoinHandle<()>,
}

impl Bucket {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("team")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            served: tokio::spawn(serve(listener, service(folder.path()))),
            folder,
        }
    }

    /// Ends it with all its connections.
    async fn stop(&mut self) {
        self.served.abort();
        let _stopped = (&mut self.served).await;
    }

    async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.served = tokio::spawn(serve(listener, service(self.folder.path())));
    }

    /// What lies in it.
    fn keys(&self) -> Vec<String> {
        let team = self.folder.path().join("team");
        let mut keys: Vec<String> = all_in(&team)
            .iter()
            .map(|path| path.strip_prefix(&team).unwrap().display().to_string())
            .collect();
        keys.sort();
        keys
    }

    /// The parts of uploads that have not ended.
    fn parts(&self) -> Vec<PathBuf> {
        let is_part = |path: &PathBuf| path.to_string_lossy().contains(".upload");
        all_in(self.folder.path()).into_iter().filter(is_part).collect()
    }

    /// A server whose files are here, and what it has besides.
    fn serving(&self, data: &Path, (name, secret): (&str, &str)) -> Serving {
        let mut command = program(data);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--upload-ttl", UPLOAD_TTL])
            .args(["--files", "s3://team/khaya"])
            .env("AWS_ACCESS_KEY_ID", name)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_REGION", "somewhere")
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ALLOW_HTTP", "true");
        Serving::begin(command)
    }
}

fn service(folder: &Path) -> S3Service {
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
    service.set_auth(SimpleAuth::from_single(KEY.0, KEY.1));
    service.build()
}

async fn serve(listener: TcpListener, service: S3Service) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service.clone();
        connections.spawn(async move {
            let http = auto::Builder::new(TokioExecutor::new());
            // Who goes away in the middle is what this is about.
            let _ended = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn add(data: &Path, name: &str) {
    let add = [
        "user",
        "add",
        name,
        "--name",
        name,
        "--role",
        "member",
        "--password-stdin",
    ];
    assert!(run(data, &add, PASSWORD).status.success());
}

fn large() -> Vec<u8> {
    (0..LARGE).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

/// Waits until something is so.
async fn until(what: &str, is: impl Fn() -> bool) {
    let so = async {
        while !is() {
            tokio::task::yield_now().await;
        }
    };
    let so = tokio::time::timeout(Duration::from_secs(60), so).await;
    assert!(so.is_ok(), "not so: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_lie_in_a_bucket_and_go_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::start().await;
    let serving = bucket.serving(dir.path(), KEY);
    add(dir.path(), "ann");
    add(dir.path(), "ben");
    let ann = Person::sign_in(&serving.url, "ann").await;
    let ben = Person::sign_in(&serving.url, "ben").await;
    let chat = ann.group(&[&ben]).await;

    let small = uploaded(&ann, "image/png", picture(30, 20, ImageFormat::Png)).await;
    let large_id = uploaded(&ann, "application/octet-stream", large()).await;
    let message = ann
        .say(
            &chat,
            json!({"content": "both", "attachmentIds": [small, large_id]}),
        )
        .await;
    let mut expected = vec![
        format!("khaya/originals/{small}"),
        format!("khaya/originals/{large_id}"),
        format!("khaya/thumbnails/{small}"),
    ];
    expected.sort();
    assert_eq!(bucket.keys(), expected);

    // The server starts again; others read what was stored.
    drop(serving);
    let serving = bucket.serving(dir.path(), KEY);
    let (ann, ben) = (
        Person::sign_in(&serving.url, "ann").await,
        Person::sign_in(&serving.url, "ben").await,
    );
    let path = format!("/files/{large_id}");
    let whole = fetch(&ben, &path, &[]).await;
    assert!(whole.bytes().await.unwrap() == large());
    for (range, first, last) in [
        ("bytes=9000000-9000009", 9_000_000, 9_000_009),
        ("bytes=0-0", 0, 0),
        ("bytes=-5", 11_999_995, 11_999_999),
        ("bytes=11999990-", 11_999_990, 11_999_999),
    ] {
        let part = fetch(&ben, &path, &[("range", range)]).await;
        assert_eq!(part.status(), 206, "{range}");
        assert_eq!(part.bytes().await.unwrap(), &large()[first..=last], "{range}");
    }
    let thumbnail = fetch(&ben, &format!("/files/{small}/thumbnail"), &[]).await;
    assert_eq!(thumbnail.status(), 200);
    assert!(image::load_from_memory(&thumbnail.bytes().await.unwrap()).is_ok());

    // With its message a file is gone for the others.
    let message = message["id"].as_str().unwrap();
    assert_eq!(
        ann.delete(&format!("/chat/{chat}/messages/{message}")).await.0,
        204
    );
    assert_eq!((status(&ben, &path).await, status(&ann, &path).await), (404, 200));

    // What is refused once it has come goes from the bucket, and so does what no message took.
    let damaged = picture(30, 20, ImageFormat::Png)[..99].to_vec();
    let refused = upload(&ann, "image/png", "a", damaged).await;
    assert_eq!(code(&refused), (415, "unsupported_media_type"));
    assert_eq!(bucket.keys(), expected);
    uploaded(&ann, "text/plain", "for nobody").await;
    assert_eq!(bucket.keys().len(), expected.len() + 1);
    until("what no message took is gone", || bucket.keys() == expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_torn_leaves_no_parts() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::start().await;
    let serving = bucket.serving(dir.path(), KEY);
    add(dir.path(), "ann");
    let ann = Person::sign_in(&serving.url, "ann").await;
    // It stops after enough for two parts, and is torn once one of them is there.
    let pieces = stream::unfold(0, |sent| async move {
        match sent {
            0..200 => Some((Ok::<_, std::io::Error>(vec![b'x'; 64 * 1024]), sent + 1)),
            _all => std::future::pending().await,
        }
    });
    let request = ann
        .request(reqwest::Method::POST, "/files")
        .header("content-type", "application/octet-stream")
        .body(reqwest::Body::wrap_stream(pieces));
    let torn = tokio::spawn(request.send());
    until("a part is there", || !bucket.parts().is_empty()).await;
    torn.abort();
    until("no part is left", || bucket.parts().is_empty()).await;
    assert_eq!(bucket.keys(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_goes_away_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut bucket = Bucket::start().await;
    let serving = bucket.serving(dir.path(), KEY);
    add(dir.path(), "ann");
    let ann = Person::sign_in(&serving.url, "ann").await;
    let chat = ann.group(&[]).await;
    let file = uploaded(&ann, "text/plain", "kept").await;
    ann.say(&chat, json!({"content": "a file", "attachmentIds": [file]}))
        .await;
    let kept = bucket.keys();
    let unused = uploaded(&ann, "text/plain", "for nobody").await;

    bucket.stop().await;
    let path = format!("/files/{file}");
    for refused in [
        upload(&ann, "text/plain", "a", "x").await,
        upload(&ann, "application/octet-stream", "a", large()).await,
        ann.get(&path).await,
    ] {
        assert_eq!(code(&refused), (503, "unavailable"));
    }
    // All else goes on.
    ann.say(&chat, json!({"content": "still here"})).await;

    bucket.start_again().await;
    assert_eq!(status(&ann, &path).await, 200);
    let again = uploaded(&ann, "text/plain", "again").await;
    ann.say(&chat, json!({"content": "another", "attachmentIds": [again]}))
        .await;
    // What was to go while it was away goes now.
    let expected = {
        let mut expected = [kept, vec![format!("khaya/originals/{again}")]].concat();
        expected.sort();
        expected
    };
    until("what no message took is gone", || bucket.keys() == expected).await;
    assert_eq!(status(&ann, &format!("/files/{unused}")).await, 404);
    let log = serving.log();
    assert!(log.contains("the storage of files"), "{log}");
    assert!(!log.contains(KEY.1) && !log.contains("panic"), "{log}");
}

#[tokio::test]
async fn a_key_that_is_not_the_right_one_is_told_to_the_operator_alone() {
    let bucket = Bucket::start().await;
    for (key, why) in [
        ((KEY.0, "wrong"), "SignatureDoesNotMatch"),
        (("stranger", KEY.1), "NotSignedUp"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let serving = bucket.serving(dir.path(), key);
        add(dir.path(), "ann");
        let ann = Person::sign_in(&serving.url, "ann").await;
        let refused = upload(&ann, "text/plain", "a", "x").await;
        assert_eq!(code(&refused), (503, "unavailable"), "{why}");
        assert!(!refused.1.to_string().contains("S3"), "{}", refused.1);
        let log = serving.log();
        assert!(log.contains(why) && !log.contains(key.1), "{log}");
    }
    assert_eq!(bucket.keys(), Vec::<String>::new());
}
