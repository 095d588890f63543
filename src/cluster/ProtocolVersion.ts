/**
 * The version of what nodes send each other, and of what they write into the directory. Grows with each change that an
 * earlier version could not read. Nodes of different versions are no cluster: each refuses to join those of another
 * one.
 */
export const protocolVersion = 1
