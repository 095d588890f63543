import * as Sentence from "./Sentence.js"

/** Why a login was refused, for the form: the server's own words are for users who type its lines. */

export interface RefusedLogin {
  /** The word of the refusal; undefined if the server was not reached, or said nothing that a program understands. */
  readonly code: string | undefined
  /** What the server has said; empty if it was not reached. */
  readonly text: string
  /** Whether the user wanted a new account. */
  readonly isNew: boolean
  /** Whether guests may make accounts. */
  readonly canRegister: boolean
}

export const whyNot = ({ canRegister, code, isNew, text }: RefusedLogin): string => {
  switch (code) {
    case "password-required":
      return isNew
        ? "This name, or one that looks the same, belongs to an account already. Log in without “Register this " +
            "name”, or choose another name."
        : "This name, or one that looks the same, belongs to an account: type its password, or choose another name."
    case "wrong-password":
      return canRegister
        ? "Wrong name or password. For a new account, tick “Register this name”."
        : "Wrong name or password."
    case "account-required":
      return "This server is for accounts: type the password of yours."
    default:
      return Sentence.of(text === "" ? "the server could not be reached" : text)
  }
}
