/** Seeds of storms that have failed once, whatever has been mended since: they are tried again with every change. */

export const onceFailed = [
  1005, 1006, 1032, 1035, 2004, 2046, 2094, 3076, 3082, 4077, 4121, 4132, 5059, 6002, 6150, 20_080,
  20_092, 20_231, 20_358, 20_479, 20_554, 20_570,
];
