//! Where rooms keep their history.
