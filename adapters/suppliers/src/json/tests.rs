//! The complete example, and what is wrong with others.

mod dujiao_next;
mod settings_that_do_not_fit;
mod shapes;
