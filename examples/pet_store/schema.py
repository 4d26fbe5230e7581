"""The tables of the store, the steps that led to them, and what a new store holds.

A database knows by `PRAGMA user_version` how many of the `MIGRATIONS` it has been through. To
change the tables, append a step; a step that has been released never changes.

Columns are named as in the document, so that a row is a JSON object; lists and objects are kept as
JSON text.
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE pets (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            kind TEXT AS (json_extract(animal, '$.kind')),
            animal TEXT NOT NULL,
            age INTEGER,
            color TEXT NOT NULL,
            chip TEXT UNIQUE,
            tags TEXT NOT NULL
        )""",
        """CREATE TABLE users (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            email TEXT NOT NULL,
            phone TEXT,
            joined TEXT NOT NULL
        )""",
        """CREATE TABLE posts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            userId INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
            title TEXT NOT NULL,
            text TEXT NOT NULL,
            written TEXT NOT NULL
        )""",
        "CREATE INDEX posts_by_user ON posts (userId)",
        """CREATE TABLE items (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            quantity INTEGER NOT NULL,
            cents INTEGER,
            changed TEXT NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE files (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            mediaType TEXT NOT NULL,
            content BLOB NOT NULL
        )""",
        """CREATE TABLE applications (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            petId INTEGER NOT NULL REFERENCES pets,
            name TEXT NOT NULL,
            email TEXT NOT NULL,
            message TEXT NOT NULL,
            garden INTEGER NOT NULL,
            days TEXT NOT NULL
        )""",
        """CREATE TABLE webhooks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            url TEXT NOT NULL UNIQUE,
            events TEXT NOT NULL,
            secret TEXT
        )""",
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    ),
    (
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            event TEXT NOT NULL,
            pet TEXT NOT NULL
        )""",
        """CREATE TABLE tokens (
            sha256 TEXT PRIMARY KEY,
            scheme TEXT NOT NULL,
            subject TEXT NOT NULL,
            scopes TEXT NOT NULL
        ) WITHOUT ROWID""",
    ),
)

SEED: tuple[str, ...] = (
    """INSERT INTO pets (name, animal, age, color, chip, tags) VALUES
        ('Minka', '{"kind":"cat","indoor":true}', 3, 'ginger', '276098100000001',
         '["calm","indoor"]'),
        ('Rex', '{"kind":"dog","breed":"collie","trained":true}', 5, 'brown',
         '276098100000002', '["friendly"]'),
        ('Luna', '{"kind":"cat","indoor":false}', 1, 'black', NULL, '["playful"]'),
        ('Bello', '{"kind":"dog","breed":"mixed","trained":false}', 9, 'white', NULL,
         '["calm","friendly"]'),
        ('Mimi', '{"kind":"cat","indoor":true}', NULL, 'grey', NULL, '[]')""",
    """INSERT INTO users (id, name, email, phone, joined) VALUES
        (1, 'Ada', 'ada@example.com', '+4420946000', '2024-02-29'),
        (2, 'Grace', 'grace@example.com', NULL, '2024-03-15'),
        (3, 'Alan', 'alan@example.com', NULL, '2024-06-23')""",
    """INSERT INTO posts (id, userId, title, text, written) VALUES
        (1, 1, 'On cats', 'They sleep a great deal.', '2024-03-01T09:30:00Z'),
        (2, 1, 'On dogs', 'They never sleep enough.', '2024-03-02T09:30:00Z'),
        (3, 2, 'A moth', 'The cat found a bug.', '2024-04-09T15:45:00Z')""",
    """INSERT INTO items (id, name, quantity, cents, changed) VALUES
        ('0b9f3a52-6f0e-4c8e-9d8a-3c1f5b7e2a10', 'Leash', 12, 1495, '2024-03-01T09:30:00Z'),
        ('7c2d9be4-51a7-4f7b-8a53-d1e6f2b90c33', 'Bowl', 40, 650, '2024-03-01T09:30:00Z')""",
    # The picture is one ginger pixel.
    """INSERT INTO files (id, name, mediaType, content) VALUES
        ('5d1f3c1e-8a44-4a0e-b6cb-0f7f0f6f1c01', 'minka.png', 'image/png',
         X'89504E470D0A1A0A0000000D4948445200000001000000010802000000907753DE0000000C4944415478DA63B854AB0B0003A1017D4FC152DE0000000049454E44AE426082'),
        ('5d1f3c1e-8a44-4a0e-b6cb-0f7f0f6f1c02', 'purr.bin', 'application/octet-stream',
         X'00010203FDFEFF'),
        ('5d1f3c1e-8a44-4a0e-b6cb-0f7f0f6f1c03', 'pedigree.json', 'application/json',
         CAST('{"name":"Minka","parents":["Mila","Tom"]}' AS BLOB))""",
    # For trying it out: "demo-token", "demo-reader" and "demo-writer". Tokens are kept as hashes.
    """INSERT INTO tokens (sha256, scheme, subject, scopes) VALUES
        ('7c43ef5ae21d43ce2743f770c68e24def1a43ee2f416d2438410c8af7af2ff2c',
         'bearer', 'ada', '[]'),
        ('5d5e2faf3d78defb635c8428041aef27c0aad397ce67215275df82b10e5ba617',
         'oauth2', 'grace', '["read"]'),
        ('9de63fd258a6b3e15cfc2a985974f41d256c5aa92dd500f6487858c71833378d',
         'oauth2', 'alan', '["write"]')""",
    """INSERT INTO settings (name, value) VALUES
        ('shopName', '"Paws & Co"'), ('open', 'true'), ('greeting', '"Come in!"'),
        ('maxPetsPerUser', '3')""",
)
