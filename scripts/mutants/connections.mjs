// Mutants of accepting, logging in and closing. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a client that never logs in is never closed",
    file: "chat/Broker.ts",
    search: "for (const peer of loginsExpired) lifecycle.refuse(peer, FatalReply.loginTimeout, undefined)",
    replace: "void loginsExpired"
  },
  {
    name: "after a first line that is too long the next one is the login",
    file: "chat/PeerInput.ts",
    search: 'if (peer.phase._tag !== "Login" || peer.isShutOut) return routing',
    replace: "if (peer.phase.isHeard) return routing"
  },
  {
    name: "a last line without LF is dropped at an orderly end",
    file: "chat/Inbox.ts",
    search: "for (const piece of this.framing.end()) this.add(piece)",
    replace: ""
  },
  {
    name: "a connection is destroyed instead of closed",
    file: "chat/Connection.ts",
    search: "Effect.as(peer.socket.close(surroundings.options.current.linger), reason)",
    replace: "Effect.succeed(reason)"
  },
  {
    name: "a refused client keeps its place",
    file: "chat/AcceptLoop.ts",
    search: "refused -= 1",
    replace: ""
  },
  {
    name: "a disconnected client keeps its place",
    file: "chat/AcceptLoop.ts",
    search: "served -= 1",
    replace: ""
  },
  {
    name: "a disconnected client keeps its place in the limit of its address",
    file: "chat/AcceptLoop.ts",
    search: "hostLimits.leave(host)",
    replace: ""
  }
]
