//! What is fuzzed: everything that reads what others send. Each target is one function over bytes; libFuzzer calls
//! it (`fuzz/src/bin`, built and run by `fuzz/run`), and a plain test calls it over the committed corpus
//! (`fuzz/tests`), so that no target rots.
//!
//! What holds here: a target panics only for a defect: of what it calls, or of what that promises. Nothing goes
//! to a network or a file, and the same bytes do the same.
//!
//! - [`orders`]: the platform's messages · [`results`]: what is read of ours again
//! - [`supplier_answers`], [`callbacks`]: each protocol of `adapters/suppliers`, as configured in [`suppliers`]
//! - [`key_files`], [`configuration`]: what people give
//! - how their bytes are read as a case: [`script`]

pub mod callbacks;
pub mod configuration;
pub mod key_files;
pub mod orders;
pub mod results;
pub mod script;
pub mod supplier_answers;
pub mod suppliers;

/// A target's name, which its corpus is named by, and its function.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 6] = [
    ("callbacks", callbacks::check),
    ("configuration", configuration::check),
    ("key_files", key_files::check),
    ("orders", orders::check),
    ("results", results::check),
    ("supplier_answers", supplier_answers::check),
];
