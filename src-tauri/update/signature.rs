//! Whether a release is what its makers signed: the bytes, the version, and the kind of computer.
//!
//! A minisign signature covers the file, and its trusted comment as well: that names the version, so an old release
//! cannot be passed off as a new one. `version:1.2.3` stands among the comment's parts, which tabs divide.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use minisign_verify::{PublicKey, Signature};
use semver::Version;

use super::UpdateError;

/// The part of the trusted comment that names the version.
const VERSION: &str = "version:";

/// How much of a file is read at once.
const CHUNK: usize = 64 * 1024;

/// Checks a file that the manifest says is this version. It may take a moment: it reads all of it.
pub(super) fn check(file: &Path, signature: &str, version: &Version, key: &str) -> Result<(), UpdateError> {
    let key = PublicKey::from_base64(key).map_err(|_| UpdateError::Key)?;
    let text = BASE64_STANDARD
        .decode(signature.trim())
        .map_err(|_| UpdateError::Signature)?;
    let text = String::from_utf8(text).map_err(|_| UpdateError::Signature)?;
    let signature = Signature::decode(&text).map_err(|_| UpdateError::Signature)?;
    if !is_signed(file, &signature, &key).map_err(UpdateError::Disk)? {
        return Err(UpdateError::Signature);
    }
    let mut parts = signature.trusted_comment().split('\t');
    let signed = parts.find_map(|part| part.trim().strip_prefix(VERSION));
    match signed.map(Version::parse) {
        Some(Ok(signed)) if signed == *version => Ok(()),
        Some(Ok(_) | Err(_)) | None => Err(UpdateError::OtherVersion),
    }
}

/// Over the file's hash, as minisign does it by now; its first form is not taken.
fn is_signed(file: &Path, signature: &Signature, key: &PublicKey) -> io::Result<bool> {
    let Ok(mut verifier) = key.verify_stream(signature) else {
        return Ok(false);
    };
    let mut file = File::open(file)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(verifier.finalize().is_ok()),
            read => verifier.update(&chunk[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use minisign::KeyPair;

    use super::*;

    struct Makers {
        keys: KeyPair,
    }

    impl Makers {
        fn new() -> Self {
            Self {
                keys: KeyPair::generate_unencrypted_keypair().unwrap(),
            }
        }

        fn key(&self) -> String {
            self.keys.pk.to_base64()
        }

        fn sign(&self, content: &[u8], comment: &str) -> String {
            let signed = minisign::sign(None, &self.keys.sk, content, Some(comment), None).unwrap();
            BASE64_STANDARD.encode(signed.into_string())
        }
    }

    fn checked(content: &[u8], signature: &str, version: &str, key: &str) -> &'static str {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        match check(file.path(), signature, &version.parse().unwrap(), key) {
            Ok(()) => "taken",
            Err(UpdateError::Signature) => "forged",
            Err(UpdateError::OtherVersion) => "another version",
            Err(UpdateError::Key) => "no key",
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn takes_what_was_signed_as_what_it_is_and_nothing_else() {
        let (makers, others) = (Makers::new(), Makers::new());
        let program = vec![7; 3 * CHUNK + 5];
        let comment = "timestamp:1\tfile:khaya\tversion:2.0.0";
        let signature = makers.sign(&program, comment);
        let key = makers.key();
        assert_eq!(checked(&program, &signature, "2.0.0", &key), "taken");
        // An old release announced as a new one.
        assert_eq!(checked(&program, &signature, "3.0.0", &key), "another version");
        let unnamed = makers.sign(&program, "timestamp:1\tfile:khaya");
        assert_eq!(checked(&program, &unnamed, "2.0.0", &key), "another version");
        // Cut off, changed, signed by somebody else.
        assert_eq!(checked(&program[1..], &signature, "2.0.0", &key), "forged");
        assert_eq!(checked(b"", &signature, "2.0.0", &key), "forged");
        assert_eq!(
            checked(&program, &others.sign(&program, comment), "2.0.0", &key),
            "forged"
        );
        assert_eq!(checked(&program, &signature, "2.0.0", &others.key()), "forged");
        // The version is signed too.
        let text = String::from_utf8(BASE64_STANDARD.decode(&signature).unwrap()).unwrap();
        let renamed = BASE64_STANDARD.encode(text.replace("version:2.0.0", "version:3.0.0"));
        assert_eq!(checked(&program, &renamed, "3.0.0", &key), "forged");
        for nonsense in ["", "c2ln", "not base64", &BASE64_STANDARD.encode([0xff; 9])] {
            assert_eq!(checked(&program, nonsense, "2.0.0", &key), "forged", "{nonsense}");
        }
        assert_eq!(checked(&program, &signature, "2.0.0", "no key"), "no key");
    }
}
