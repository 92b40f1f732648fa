-- Why an issuer can't publish the newest keys. It is not waited for once idle_ms is above lease_ms, and its row stays while it
-- goes on to say so.
ALTER TABLE replicas ADD COLUMN fault TEXT;
