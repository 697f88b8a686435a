/** The sixteen colours of every terminal, then the names of the 240 that follow; a name that stands twice means the later one. */
const names =
  'black red green yellow blue magenta cyan white bright_black bright_red bright_green bright_yellow bright_blue ' +
  'bright_magenta bright_cyan bright_white grey0 navy_blue dark_blue blue3 blue3 blue1 dark_green deep_sky_blue4 ' +
  'deep_sky_blue4 deep_sky_blue4 dodger_blue3 dodger_blue2 green4 spring_green4 turquoise4 deep_sky_blue3 deep_sky_blue3 ' +
  'dodger_blue1 green3 spring_green3 dark_cyan light_sea_green deep_sky_blue2 deep_sky_blue1 green3 spring_green3 ' +
  'spring_green2 cyan3 dark_turquoise turquoise2 green1 spring_green2 spring_green1 medium_spring_green cyan2 cyan1 dark_red ' +
  'deep_pink4 purple4 purple4 purple3 blue_violet orange4 grey37 medium_purple4 slate_blue3 slate_blue3 royal_blue1 ' +
  'chartreuse4 dark_sea_green4 pale_turquoise4 steel_blue steel_blue3 cornflower_blue chartreuse3 dark_sea_green4 cadet_blue ' +
  'cadet_blue sky_blue3 steel_blue1 chartreuse3 pale_green3 sea_green3 aquamarine3 medium_turquoise steel_blue1 chartreuse2 ' +
  'sea_green2 sea_green1 sea_green1 aquamarine1 dark_slate_gray2 dark_red deep_pink4 dark_magenta dark_magenta dark_violet ' +
  'purple orange4 light_pink4 plum4 medium_purple3 medium_purple3 slate_blue1 yellow4 wheat4 grey53 light_slate_grey ' +
  'medium_purple light_slate_blue yellow4 dark_olive_green3 dark_sea_green light_sky_blue3 light_sky_blue3 sky_blue2 ' +
  'chartreuse2 dark_olive_green3 pale_green3 dark_sea_green3 dark_slate_gray3 sky_blue1 chartreuse1 light_green light_green ' +
  'pale_green1 aquamarine1 dark_slate_gray1 red3 deep_pink4 medium_violet_red magenta3 dark_violet purple dark_orange3 ' +
  'indian_red hot_pink3 medium_orchid3 medium_orchid medium_purple2 dark_goldenrod light_salmon3 rosy_brown grey63 ' +
  'medium_purple2 medium_purple1 gold3 dark_khaki navajo_white3 grey69 light_steel_blue3 light_steel_blue yellow3 ' +
  'dark_olive_green3 dark_sea_green3 dark_sea_green2 light_cyan3 light_sky_blue1 green_yellow dark_olive_green2 pale_green1 ' +
  'dark_sea_green2 dark_sea_green1 pale_turquoise1 red3 deep_pink3 deep_pink3 magenta3 magenta3 magenta2 dark_orange3 ' +
  'indian_red hot_pink3 hot_pink2 orchid medium_orchid1 orange3 light_salmon3 light_pink3 pink3 plum3 violet gold3 ' +
  'light_goldenrod3 tan misty_rose3 thistle3 plum2 yellow3 khaki3 light_goldenrod2 light_yellow3 grey84 light_steel_blue1 ' +
  'yellow2 dark_olive_green1 dark_olive_green1 dark_sea_green1 honeydew2 light_cyan1 red1 deep_pink2 deep_pink1 deep_pink1 ' +
  'magenta2 magenta1 orange_red1 indian_red1 indian_red1 hot_pink hot_pink medium_orchid1 dark_orange salmon1 light_coral ' +
  'pale_violet_red1 orchid2 orchid1 orange1 sandy_brown light_salmon1 light_pink1 pink1 plum1 gold1 light_goldenrod2 ' +
  'light_goldenrod2 navajo_white1 misty_rose1 thistle1 yellow1 light_goldenrod1 khaki1 wheat1 cornsilk1 grey100 grey3 grey7 ' +
  'grey11 grey15 grey19 grey23 grey27 grey30 grey35 grey39 grey42 grey46 grey50 grey54 grey58 grey62 grey66 grey70 grey74 ' +
  'grey78 grey82 grey85 grey89 grey93';

/** Colours of the 256-colour palette by name. */
export const colorNames: ReadonlyMap<string, number> = new Map(names.split(' ').map((name, index) => [name, index]));
