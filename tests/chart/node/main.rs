//! The charts on a real node.
