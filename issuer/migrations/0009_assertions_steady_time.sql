-- When an assertion was taken, by the steady time of key_catalogue: its row stays for ten minutes of that at least, wherever
-- the hosts' clocks are set meanwhile. A version before this one notes none, and its rows go when they have expired.
ALTER TABLE used_assertions ADD COLUMN taken_steady_ms BIGINT NOT NULL DEFAULT 0;
