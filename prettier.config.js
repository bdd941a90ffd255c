// Format of the browser's scripts. eslint.config.js takes the width for what the formatter cannot break.

export const printWidth = 110

export default { printWidth, semi: false }
