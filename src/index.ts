/**
 * a-chat as a library: a chat server and a chat client as scoped values, over TCP, TLS, Unix sockets or memory.
 *
 * @packageDocumentation
 */

export * as BanSubject from "./chat/BanSubject.js"
export * as Server from "./chat/Server.js"
export * as Client from "./client/Client.js"
export * as ReconnectingClient from "./client/ReconnectingClient.js"
export * as Labels from "./client/Labels.js"
export * as LastSeen from "./client/LastSeen.js"
export * as PastReports from "./client/PastReports.js"
export * as Received from "./client/Received.js"
export * as RoomReports from "./client/RoomReports.js"
export * as Descriptors from "./ports/Descriptors.js"
export * as Endpoints from "./ports/Endpoints.js"
export * as Memory from "./ports/Memory.js"
export * as Reachability from "./ports/Reachability.js"
export * as Transport from "./ports/Transport.js"
export * as Inherited from "./transport/Inherited.js"
export * as KernelReachability from "./transport/KernelReachability.js"
export * as ProcessDescriptors from "./transport/ProcessDescriptors.js"
export * as Tcp from "./transport/Tcp.js"
export * as Tls from "./transport/Tls.js"
export * as Unix from "./transport/Unix.js"
