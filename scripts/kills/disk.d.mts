export declare const compile: (folder: string) => string
export declare const cutPower: (folder: string, shadow: string) => void
export declare const keep: (folder: string, shadow: string) => void
