//! Real Pythons.
