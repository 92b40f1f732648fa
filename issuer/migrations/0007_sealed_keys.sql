-- Sealed signing keys, where keys.store = "database". Everything that is said of a key lies in the sealed text.
CREATE TABLE sealed_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    jwe TEXT NOT NULL
);
