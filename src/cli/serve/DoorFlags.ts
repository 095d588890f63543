import * as DoorLimits from "../../http/DoorLimits.js"
import * as Setting from "../settings/Setting.js"
import type { Values } from "../settings/Sources.js"

/** The flags of the HTTP door, which scripts and webhooks use. */

export const settings = {
  hooks: Setting.text("hooks", "file", {
    about:
      "Webhooks that may post to rooms, in this file, which only its owner may read; a-chat hook adds and removes them",
    default: undefined,
    defaultText: "none: there are no webhooks"
  }),
  webMaxBody: Setting.bytes("web-max-body", {
    about: "Bytes in the body of an HTTP request; a larger one gets 413",
    default: DoorLimits.defaults.maxBodyBytes,
    min: 1024,
    max: 64 * 2 ** 20
  }),
  webMaxLines: Setting.count("web-max-lines", {
    about: "Messages in one HTTP request: its lines, times its recipients; one with more gets 413",
    default: DoorLimits.defaults.maxLines,
    min: 1,
    max: 1_000_000
  }),
  webMaxStreams: Setting.count("web-max-streams", {
    about: "Streams of /listen at once; a further one takes the place of one whose client has left, or gets 503",
    default: DoorLimits.defaults.maxStreams,
    min: 1,
    max: 10_000
  }),
  webTimeout: Setting.duration("web-timeout", {
    about: "Time for the outcomes of an HTTP request; later ones are reported as unknown, with 504",
    default: DoorLimits.defaults.patience,
    min: DoorLimits.shortestPatience,
    max: DoorLimits.longestPatience
  })
}

export const limitsOf = (values: Values<typeof settings>): DoorLimits.DoorLimits => ({
  maxBodyBytes: values.webMaxBody,
  maxKeys: DoorLimits.defaults.maxKeys,
  maxLines: values.webMaxLines,
  maxStreams: values.webMaxStreams,
  patience: values.webTimeout
})
