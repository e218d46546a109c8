//! The repository's own rules: what it promises, how it is layered, how it reads.
//!
//! Each rule is a pure function over text or edges, tested on made-up input to
//! be able to fail, and applied once to the real tree.

use std::fs;
use std::path::{Path, PathBuf};

mod contract;
mod layers;
mod tidy;

/// Where our Rust code lives, seen from the root.
const CODE: [&str; 4] = ["crates", "fuzz", "sim", "tests"];

// In two parts, so that these files keep the rules they check.
const FOR_TESTS: &str = concat!("#[cfg", "(test)]");

/// One file of text, named by its path from the root, with `/` between the parts.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
    /// Whether all of it is test code.
    is_test: bool,
}

impl File {
    /// A file that is test code if it lies under `tests/` or is called `tests.rs`.
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            is_test: path.split('/').any(|part| part == "tests") || path.ends_with("/tests.rs"),
        }
    }

    /// The modules with files of their own that it compiles for tests only, as paths without `.rs`.
    fn test_modules(&self) -> Vec<String> {
        let whole = self.path.trim_end_matches(".rs");
        let root = whole.strip_suffix("/lib").or(whole.strip_suffix("/main"));
        let folder = root.unwrap_or(whole);
        let lines: Vec<&str> = self.text.lines().collect();
        let modules = lines.windows(2).filter_map(|pair| {
            let name = pair[1].strip_prefix("mod ")?.strip_suffix(';')?;
            (pair[0] == FOR_TESTS).then(|| format!("{folder}/{name}"))
        });
        modules.collect()
    }

    /// What of it ships: everything before `mod tests {`, which comes last.
    fn production(&self) -> &str {
        if self.is_test {
            return "";
        }
        let tests = self.text.find("\nmod tests {");
        &self.text[..tests.unwrap_or(self.text.len())]
    }
}

/// The root of the checkout.
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the root").to_owned()
}

/// The text of one file, named from the root.
fn read(path: &str) -> File {
    let text = fs::read_to_string(root().join(path));
    File::new(
        path,
        &text.unwrap_or_else(|error| panic!("{path}: {error}")),
    )
}

/// Every file below [`CODE`] whose name ends with `ending`, in order of path.
fn files(ending: &str) -> Vec<File> {
    let mut paths = Vec::new();
    for folder in CODE {
        walk(folder, ending, &mut paths);
    }
    assert!(
        !paths.is_empty(),
        "no {ending} file: looked in the wrong place"
    );
    paths.sort();
    let mut files: Vec<File> = paths.iter().map(|path| read(path)).collect();
    mark_tests(&mut files);
    files
}

/// Marks what is compiled for tests only, by what its parent says.
fn mark_tests(files: &mut [File]) {
    let modules: Vec<String> = files.iter().flat_map(File::test_modules).collect();
    for file in files {
        let of = |module: &String| {
            let below = file.path.strip_prefix(module.as_str());
            below.is_some_and(|below| below == ".rs" || below.starts_with('/'))
        };
        file.is_test |= modules.iter().any(of);
    }
}

fn walk(folder: &str, ending: &str, paths: &mut Vec<String>) {
    let entries = fs::read_dir(root().join(folder));
    for entry in entries.unwrap_or_else(|error| panic!("{folder}: {error}")) {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        // A hidden file is an editor's; `target` is a build's.
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            walk(&path, ending, paths);
        } else if name.ends_with(ending) {
            paths.push(path);
        }
    }
}

/// Fails with every fault on a line of its own.
#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

mod tests {
    use super::*;

    #[test]
    fn a_file_is_test_code_by_its_place_or_by_what_its_parent_says() {
        let parent = format!("//! Stores.\n\n{FOR_TESTS}\nmod laws;\nmod redb;\n");
        let mut files = [
            File::new("crates/chat/src/store.rs", &parent),
            File::new("crates/chat/src/store/laws.rs", ""),
            File::new("crates/chat/src/store/laws/model.rs", ""),
            File::new("crates/chat/src/store/redb.rs", ""),
            File::new("crates/chat/src/store/redb/tests.rs", ""),
            File::new("crates/chat/tests/server.rs", ""),
            File::new("sim/harness/src/lib.rs", &parent),
            File::new("sim/harness/src/laws.rs", ""),
        ];
        mark_tests(&mut files);
        assert_eq!(
            files.map(|file| file.is_test),
            [false, true, true, false, true, true, false, true]
        );
    }
}
