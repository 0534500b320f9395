//! Tokens: docker-registry asks for one of another server, which stands here and signs with openssl.
