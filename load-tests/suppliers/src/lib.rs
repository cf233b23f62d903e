//! Doubles of suppliers: faithful to their protocols, over real HTTP, each with a log of what was bought.
