"""What the made-up shop sells: categories, and the words of its titles."""

from __future__ import annotations

from typing import NamedTuple


class Leaf(NamedTuple):
    """A category without subcategories."""

    root: str
    branch: str
    leaf: str
    nouns: tuple[str, ...]
    materials: tuple[str, ...]
    price: float  # median
    use: str  # for the description


def _leaf(path: str, nouns: str, materials: str, price: float, use: str) -> Leaf:
    root, branch, leaf = path.split("/")
    return Leaf(
        root, branch, leaf, tuple(nouns.split("|")), tuple(materials.split("|")), price, use
    )


LEAVES = (
    _leaf("home/lighting/desk-lamps", "Desk Lamp|Reading Lamp|Task Light",
          "Walnut|Brass|Oak|Steel|Ceramic", 64, "Warm light for long evenings."),
    _leaf("home/lighting/pendant-lights", "Pendant Light|Ceiling Lamp|Globe Light",
          "Rattan|Glass|Linen|Copper|Paper", 98, "Hangs low over a table."),
    _leaf("home/textiles/cushions", "Cushion|Bolster|Floor Cushion",
          "Linen|Velvet|Wool|Corduroy|Cotton", 28, "With a removable cover."),
    _leaf("home/textiles/throws", "Throw|Blanket|Bedspread",
          "Merino|Mohair|Waffle Cotton|Alpaca|Lambswool", 72, "Soft from the first day."),
    _leaf("home/storage/baskets", "Storage Basket|Laundry Basket|Bread Basket",
          "Seagrass|Willow|Jute|Felt|Rattan", 34, "Woven by hand."),
    _leaf("home/storage/shelves", "Wall Shelf|Bookcase|Picture Ledge",
          "Oak|Walnut|Birch|Steel|Bamboo", 120, "Goes up in ten minutes."),
    _leaf("home/decor/vases", "Vase|Bud Vase|Planter",
          "Stoneware|Terracotta|Glass|Porcelain|Concrete", 32, "Each one a little different."),
    _leaf("kitchen/tableware/mugs", "Mug|Espresso Cup|Tea Bowl",
          "Stoneware|Porcelain|Enamel|Glass|Terracotta", 14, "Safe in the dishwasher."),
    _leaf("kitchen/tableware/plates", "Dinner Plate|Side Plate|Pasta Bowl",
          "Stoneware|Porcelain|Earthenware|Bamboo|Enamel", 18, "Stacks neatly."),
    _leaf("kitchen/cooking/pans", "Frying Pan|Saucepan|Casserole",
          "Cast Iron|Copper|Carbon Steel|Steel|Enamel", 79, "For every kind of hob."),
    _leaf("kitchen/cooking/knives", "Chef's Knife|Paring Knife|Bread Knife",
          "Olivewood|Damascus|Steel|Walnut|Ash", 58, "Keeps its edge."),
    _leaf("kitchen/cooking/boards", "Chopping Board|Serving Board|Cheese Board",
          "Acacia|Olivewood|Oak|Marble|Maple", 36, "Oiled and ready."),
    _leaf("kitchen/coffee/brewers", "Pour-over Set|French Press|Moka Pot",
          "Glass|Steel|Ceramic|Copper|Aluminium", 46, "A quiet start to the day."),
    _leaf("kitchen/coffee/grinders", "Hand Grinder|Pepper Mill|Spice Mill",
          "Beech|Steel|Walnut|Brass|Acrylic", 52, "With a ceramic burr."),
    _leaf("wardrobe/accessories/scarves", "Scarf|Stole|Bandana",
          "Merino|Silk|Cashmere|Cotton|Lambswool", 42, "Light enough for a bag."),
    _leaf("wardrobe/accessories/hats", "Beanie|Bucket Hat|Cap",
          "Merino|Corduroy|Canvas|Wool|Linen", 27, "One size."),
    _leaf("wardrobe/accessories/belts", "Belt|Braided Belt|Key Fob",
          "Leather|Suede|Canvas|Cork|Nubuck", 39, "Ages well."),
    _leaf("wardrobe/knitwear/jumpers", "Jumper|Cardigan|Roll-neck",
          "Merino|Lambswool|Alpaca|Cotton|Cashmere", 89, "Knitted in one piece."),
    _leaf("wardrobe/knitwear/socks", "Socks|Hiking Socks|Bed Socks",
          "Merino|Cotton|Bamboo|Wool|Alpaca", 12, "Three pairs in a box."),
    _leaf("wardrobe/bags/backpacks", "Backpack|Rolltop|Daypack",
          "Canvas|Waxed Cotton|Leather|Nylon|Felt", 95, "Fits a 15-inch laptop."),
    _leaf("wardrobe/bags/totes", "Tote|Shopper|Weekender",
          "Canvas|Leather|Jute|Denim|Cork", 45, "With an inner pocket."),
    _leaf("outdoors/garden/tools", "Hand Trowel|Pruning Shears|Weeding Fork",
          "Ash|Steel|Copper|Beech|Bronze", 24, "Made to be repaired."),
    _leaf("outdoors/garden/planters", "Window Box|Plant Pot|Watering Can",
          "Zinc|Terracotta|Cedar|Galvanised|Clay", 31, "Frost-proof."),
    _leaf("outdoors/camping/flasks", "Flask|Water Bottle|Travel Mug",
          "Steel|Glass|Titanium|Enamel|Aluminium", 26, "Hot for twelve hours."),
    _leaf("outdoors/camping/shelter", "Hammock|Picnic Blanket|Tarp",
          "Canvas|Ripstop|Cotton|Wool|Recycled", 68, "Packs small."),
    _leaf("outdoors/cycling/gear", "Bike Bell|Saddle Bag|Bike Lamp",
          "Brass|Leather|Aluminium|Steel|Canvas", 29, "Fits any bike."),
    _leaf("study/paper/notebooks", "Notebook|Sketchbook|Planner",
          "Linen|Leather|Kraft|Cork|Recycled", 16, "Lies flat when open."),
    _leaf("study/paper/cards", "Card Set|Wrapping Paper|Envelope Set",
          "Letterpress|Kraft|Cotton|Riso|Recycled", 9, "Printed on a small press."),
    _leaf("study/desk/pens", "Fountain Pen|Rollerball|Pencil Set",
          "Brass|Cedar|Resin|Aluminium|Walnut", 22, "Well balanced."),
    _leaf("study/desk/organisers", "Desk Tray|Pen Cup|Bookend",
          "Oak|Cork|Steel|Marble|Felt", 25, "Keeps order without a fuss."),
    _leaf("wellness/bath/towels", "Bath Towel|Hand Towel|Hammam Towel",
          "Waffle Cotton|Linen|Bamboo|Terry|Organic", 30, "Dries quickly."),
    _leaf("wellness/bath/soaps", "Soap Bar|Shampoo Bar|Bath Salts",
          "Lavender|Cedarwood|Olive|Charcoal|Rosemary", 8, "Made in small batches."),
    _leaf("wellness/candles/scented", "Candle|Tealights|Room Spray",
          "Fig|Sandalwood|Bergamot|Cedar|Amber", 24, "Burns for forty hours."),
    _leaf("wellness/movement/yoga", "Yoga Mat|Yoga Block|Meditation Cushion",
          "Cork|Natural Rubber|Jute|Buckwheat|Cotton", 55, "Does not slip."),
)  # fmt: skip

COLOURS = (
    ("white", "oat", "ash", "sand", "pearl", "stone"),  # quiet
    ("navy", "forest", "burgundy", "charcoal", "rust", "plum"),  # deep
    ("coral", "mustard", "teal", "sky", "lime", "fuchsia"),  # bright
)
"""By style: what tells the taste of one user from that of another within a category."""

BRANDS = (
    ("Nordhaven", "Stillwater", "Lund & Daughters", "Plain Goods"),
    ("Ashdown", "Harrow Mill", "Old Foundry", "Marlow & Sons"),
    ("Poppy Works", "Studio Citron", "Paloma", "Bright Side"),
)
"""By style."""

AWKWARD_IDS = ("mug, large", 'the "good" pen', "tea\nlight", "gift 🎁", "sock's")
"""Item ids that are legal and break careless readers."""
