//! Suppliers, each by its protocol: one attempt per call, and nothing else.
