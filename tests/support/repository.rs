//! Where the repository is, for the tests that look at all of it.

use std::io::Write;
use std::path::Path;

/// The root of the repository. In a package that was unpacked there are neither the other crates nor all of the papers: the
/// tests of this program end there, and say so.
pub(crate) fn home() -> &'static Path {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Cargo leaves this file in packages alone.
    if home.join("Cargo.toml.orig").exists() {
        // Not `eprintln!`, which a test captures.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: this is an unpacked package, and these tests look at the repository"
        );
        std::process::exit(0);
    }
    home
}
