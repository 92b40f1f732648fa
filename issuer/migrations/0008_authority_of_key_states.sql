-- Of a signing key only its state decides about tokens. Publishing a key ahead, seeing it at the public URL and noting its
-- times must not make tokens that are on their way be decided anew.
DROP TRIGGER authority_signing_keys_insert;
DROP TRIGGER authority_signing_keys_update;

CREATE TRIGGER authority_signing_keys_insert AFTER INSERT ON signing_keys WHEN NEW.state <> 'staged'
BEGIN UPDATE authority SET version = version + 1; END;

CREATE TRIGGER authority_signing_keys_update AFTER UPDATE ON signing_keys WHEN NEW.state <> OLD.state
BEGIN UPDATE authority SET version = version + 1; END;
