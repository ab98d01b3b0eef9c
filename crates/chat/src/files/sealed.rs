//! A file that only who has the store's key can read: XChaCha20-Poly1305 in chunks, by the STREAM construction
//! (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance), so that
//! neither a change, nor a missing end, nor chunks in another order go unnoticed.
//!
//! First stands [`MARK`], then a nonce of its own, then the chunks, each [`CHUNK`] bytes and their tag; the last one is
//! shorter or as long, and there is always one.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use aead_stream::{DecryptorBE32, EncryptorBE32};
use chacha20poly1305::{Error, KeyInit, XChaCha20Poly1305};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

use crate::store::FileKey;

/// What a sealed file begins with: its kind and its version.
const MARK: [u8; 8] = *b"khaya\0f1";

/// What of XChaCha's nonce STREAM leaves.
const NONCE: usize = 19;
const HEAD: u64 = (MARK.len() + NONCE) as u64;

/// Bytes that are sealed at once, and what that adds.
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

/// A sealed file that is being written.
pub(super) struct Writer {
    file: File,
    seal: EncryptorBE32<XChaCha20Poly1305>,
    /// What is not written: a chunk at most, as it may be the last one.
    rest: Vec<u8>,
}

impl Writer {
    pub(super) async fn create(path: &Path, key: &FileKey) -> io::Result<Self> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(path).await?;
        file.write_all(&MARK).await?;
        file.write_all(&nonce).await?;
        Ok(Self {
            file,
            seal: EncryptorBE32::from_aead(cipher(key), &nonce.into()),
            rest: Vec::with_capacity(CHUNK),
        })
    }

    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.rest.len() == CHUNK {
                let sealed = self.seal.encrypt_next(self.rest.as_slice()).map_err(broken)?;
                self.file.write_all(&sealed).await?;
                self.rest.clear();
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.rest.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Writes the end. When this returns, all of it is on the disk.
    pub(super) async fn finish(self) -> io::Result<()> {
        let Self { mut file, seal, rest } = self;
        let sealed = seal.encrypt_last(rest.as_slice()).map_err(broken)?;
        file.write_all(&sealed).await?;
        file.flush().await?;
        file.sync_all().await
    }
}

/// A sealed file that is being read.
pub(crate) struct Reader {
    file: File,
    /// `None` once the last chunk has been read.
    seal: Option<DecryptorBE32<XChaCha20Poly1305>>,
    /// Sealed bytes that have not been read.
    left: u64,
}

impl Reader {
    /// # Errors
    /// [`ErrorKind::InvalidData`] where this is no sealed file.
    pub(super) async fn open(path: &Path, key: &FileKey) -> io::Result<Self> {
        let mut file = File::open(path).await?;
        let length = file.metadata().await?.len();
        let (mut mark, mut nonce) = ([0; MARK.len()], [0; NONCE]);
        file.read_exact(&mut mark).await?;
        file.read_exact(&mut nonce).await?;
        if mark != MARK || length < HEAD + TAG as u64 {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(Self {
            file,
            seal: Some(DecryptorBE32::from_aead(cipher(key), &nonce.into())),
            left: length - HEAD,
        })
    }

    /// How many bytes it holds that have not been read.
    pub(crate) fn size(&self) -> u64 {
        let whole = (CHUNK + TAG) as u64;
        self.left - self.left.div_ceil(whole) * TAG as u64
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] where it is not as it was written, or was written with another key.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(mut seal) = self.seal.take() else {
            return Ok(None);
        };
        let whole = (CHUNK + TAG) as u64;
        let length = self.left.min(whole);
        let mut sealed = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.file.read_exact(&mut sealed).await?;
        self.left -= length;
        if self.left == 0 {
            return seal.decrypt_last(sealed.as_slice()).map(Some).map_err(broken);
        }
        let bytes = seal.decrypt_next(sealed.as_slice()).map_err(broken)?;
        self.seal = Some(seal);
        Ok(Some(bytes))
    }
}

fn cipher(key: &FileKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

fn broken(_: Error) -> io::Error {
    ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreKey;

    fn key() -> FileKey {
        StoreKey::generate().unwrap().for_files()
    }

    async fn write(path: &Path, key: &FileKey, bytes: &[u8]) {
        let mut writer = Writer::create(path, key).await.unwrap();
        for piece in bytes.chunks(50_000) {
            writer.write(piece).await.unwrap();
        }
        writer.finish().await.unwrap();
    }

    async fn read(path: &Path, key: &FileKey) -> io::Result<Vec<u8>> {
        let mut reader = Reader::open(path, key).await?;
        let (size, mut bytes) = (reader.size(), Vec::new());
        while let Some(more) = reader.next().await? {
            bytes.extend(more);
        }
        assert_eq!(bytes.len() as u64, size);
        Ok(bytes)
    }

    #[tokio::test]
    async fn what_was_written_is_read_and_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let (key, other) = (key(), key());
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let path = folder.path().join(length.to_string());
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            write(&path, &key, &bytes).await;
            assert_eq!(read(&path, &key).await.unwrap(), bytes);
            assert_eq!(
                read(&path, &other).await.unwrap_err().kind(),
                ErrorKind::InvalidData
            );
            let stored = std::fs::read(&path).unwrap();
            assert!(length == 0 || !stored.windows(8).any(|window| bytes.starts_with(window)));
        }
    }

    #[tokio::test]
    async fn what_is_not_as_it_was_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (key, path) = (key(), folder.path().join("file"));
        write(&path, &key, &[7; 3 * CHUNK]).await;
        let stored = std::fs::read(&path).unwrap();
        let (head, whole) = (usize::try_from(HEAD).unwrap(), CHUNK + TAG);
        let mut swapped = stored.clone();
        swapped[head..head + 2 * whole].rotate_left(whole);
        let mut changed = stored.clone();
        changed[head + whole + 5] ^= 1;
        let cases = [
            ("the last chunk is missing", stored[..head + 2 * whole].to_vec()),
            ("the last byte is missing", stored[..stored.len() - 1].to_vec()),
            ("chunks in another order", swapped),
            ("a byte is another one", changed),
            ("only the head", stored[..head].to_vec()),
            ("nothing", Vec::new()),
            ("plain text", vec![b'x'; 1000]),
        ];
        for (what, bytes) in cases {
            std::fs::write(&path, bytes).unwrap();
            read(&path, &key).await.expect_err(what);
        }
    }
}
