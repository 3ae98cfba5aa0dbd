// Clients are linked to this library and call nothing in it.
