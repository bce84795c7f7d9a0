//! Hands on where libsodium was built.

fn main() {
    for (known, as_) in [("DEP_SODIUM_INCLUDE", "SODIUM_INCLUDE"), ("DEP_SODIUM_LIB", "SODIUM_LIB")] {
        println!("cargo:rerun-if-env-changed={known}");
        if let Ok(folder) = std::env::var(known) {
            println!("cargo:rustc-env={as_}={folder}");
        }
    }
}
