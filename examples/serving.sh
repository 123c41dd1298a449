#!/bin/sh
# The service in a few questions. First, in another terminal:
#   recomart demo && recomart -s demo serve
# With API keys: KEY=rmk_… sh examples/serving.sh
set -eu
url=${URL:-http://127.0.0.1:8000}

ask() { # method, path, body
    curl -sS --fail-with-body -X "$1" "$url$2" ${KEY:+-H "Authorization: Bearer $KEY"} \
        ${3:+-H "Content-Type: application/json" -d "$3"}
    echo
}

echo "How is it?"
ask GET /health

echo "What is popular?"
ask GET "/popular?n_items=3&include_metadata=true"

echo "What would a visitor like of whom nothing is known?"
ask POST /recommendations '{"user_id": "visitor-1", "n_items": 3}'

item=$(ask GET "/popular?n_items=1" | sed 's/.*"item_id":"\([^"]*\)".*/\1/')
echo "The visitor looks at $item; the answer comes once the event is on the disk."
ask POST /events "{\"user_id\": \"visitor-1\", \"item_id\": \"$item\", \"event_type\": \"view\",
    \"timestamp\": $(date +%s)}"

echo "And now?"
ask POST /recommendations '{"user_id": "visitor-1", "n_items": 3,
    "filters": {"max_price": 50, "exclude": ["1"]}}'

echo "What is like it, and what goes with it?"
ask GET "/items/$item/similar?n_items=3"
ask POST /bundle "{\"items\": [\"$item\"], \"n_items\": 3}"

echo "Forget the visitor."
ask DELETE /users/visitor-1
