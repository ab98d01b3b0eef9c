//! The memory that holds a program's own code and that of the libraries it is linked with, given back to the system.
//!
//! Owns the one unsafe call of what runs on Linux. Never touches data: only what is mapped to be read and run. The
//! system can take those pages at any time, since it finds them again in their files; but while memory is not short it
//! leaves them with a process that ran them once, and with them what stands around them in the file.

#![cfg(target_os = "linux")]

use std::{ffi::c_void, fs, io, ptr};

use rustix::mm::{Advice, madvise};

const MAPPINGS: &str = "/proc/self/maps";

/// Where a program's code is.
#[derive(Debug)]
pub struct CodePages {
    mappings: Vec<Mapping>,
}

/// A line of `/proc/self/maps` whose pages can be run and never written, and are a file's.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    start: usize,
    end: usize,
    file: String,
}

impl CodePages {
    /// That of the program and of what was loaded with it. To be called when the process begins: what it loads later may
    /// be unloaded again.
    ///
    /// # Errors
    /// When there is no `/proc`.
    pub fn of_program() -> io::Result<Self> {
        let mappings = read()?;
        Ok(Self { mappings })
    }

    /// Gives the pages back. What runs next is read anew from its file, for the most part from the system's cache.
    ///
    /// # Errors
    /// When there is no `/proc`, or the system takes nothing back.
    #[expect(unsafe_code, reason = "madvise(2) is told an address")]
    pub fn give_back(&self) -> io::Result<()> {
        let now = read()?;
        for mapping in self.mappings.iter().filter(|mapping| now.contains(mapping)) {
            let start = ptr::without_provenance_mut::<c_void>(mapping.start);
            // SAFETY: the range is a private mapping of a file that can be read and run but not written, which was there
            // when the process began and is there now: code of the program, or of a library that the loader keeps for as
            // long as the process lives. Code is independent of its position, so none of these pages was ever written;
            // when one is used the next time, also at once by another thread, the system maps the file's own bytes again
            // (madvise(2), MADV_DONTNEED: "repopulating the memory contents from the up-to-date contents of the
            // underlying mapped file").
            unsafe { madvise(start, mapping.end - mapping.start, Advice::LinuxDontNeed) }?;
        }
        Ok(())
    }
}

fn read() -> io::Result<Vec<Mapping>> {
    Ok(fs::read_to_string(MAPPINGS)?.lines().filter_map(code).collect())
}

/// The mapping of a line, if it is a file's code (proc_pid_maps(5)).
fn code(line: &str) -> Option<Mapping> {
    let (range, rest) = line.split_once(' ')?;
    let (rights, rest) = rest.split_once(' ')?;
    let file = rest.split_once('/')?.1;
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    (rights == "r-xp").then_some(Mapping {
        start: address(start)?,
        end: address(end)?,
        file: file.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_is_given_back() {
        let library = "7f10a000-7f10c000 r-xp 00022000 fe:00 4212 /usr/lib/libz.so.1";
        let mapping = Mapping {
            start: 0x7f10_a000,
            end: 0x7f10_c000,
            file: "usr/lib/libz.so.1".to_owned(),
        };
        assert_eq!(code(library), Some(mapping));
        for other in [
            "7f10a000-7f10c000 r--p 00022000 fe:00 4212 /usr/lib/libz.so.1",
            "7f10a000-7f10c000 rw-p 00022000 fe:00 4212 /usr/lib/libz.so.1",
            "7f10a000-7f10c000 rwxp 00022000 fe:00 4212 /usr/lib/libz.so.1",
            "7f10a000-7f10c000 r-xs 00022000 fe:00 4212 /usr/lib/libz.so.1",
            "7f10a000-7f10c000 r-xp 00000000 00:00 0 ",
            "7f10a000-7f10c000 r-xp 00000000 00:00 0                          [vdso]",
            "",
        ] {
            assert_eq!(code(other), None, "{other}");
        }
    }

    #[test]
    fn a_program_goes_on_whose_code_was_given_back() {
        let pages = CodePages::of_program().unwrap();
        assert!(pages.mappings.iter().any(|mapping| mapping.file.contains("libc")));
        for round in 0..10 {
            pages.give_back().unwrap();
            let text = format!(
                "{round} {:?}",
                std::thread::spawn(move || round * 2).join().unwrap()
            );
            assert_eq!(text, format!("{round} {}", round * 2));
        }
    }
}
